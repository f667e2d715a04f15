"""Services and storage: settings, object storage, database, tracking, model registry."""
