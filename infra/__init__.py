"""Places: settings, object storage, database, tracking and the model registry."""
