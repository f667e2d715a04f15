-- PostgreSQL runs this once, in an empty data folder. Each service that owns tables gets a database.
CREATE DATABASE mlflow;
CREATE DATABASE prefect;
