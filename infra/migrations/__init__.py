"""Revisions of the schema, for Alembic; CONTRIBUTING.md says how to add one."""
