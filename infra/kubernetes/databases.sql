-- PostgreSQL runs this once, in an empty data folder: one database for each owner of tables.
CREATE DATABASE mlflow;
CREATE DATABASE prefect;
