"""Live streams in the database."""
