"""What Alembic runs: on the connection of infra.schema, or on the settings' database by hand."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, create_engine

import infra.access.tables  # noqa: F401  its tables belong to the same metadata
from infra.settings import settings
from infra.tables import Table, UtcDateTime


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Table.metadata,
        transactional_ddl=True,
        render_as_batch=True,  # SQLite changes a column by copying its table
        render_item=_frozen_type,
    )
    with context.begin_transaction():
        context.run_migrations()


def _frozen_type(kind: str, item: object, _context: Any) -> str | Literal[False]:
    """How a generated revision writes our own type, which may change later; else as it would."""
    is_ours = kind == "type" and isinstance(item, UtcDateTime)
    return "sa.DateTime(timezone=True)" if is_ours else False


shared = context.config.attributes.get("connection")
if shared is not None:
    _run(shared)
else:  # `alembic revision --autogenerate` of a developer
    engine = create_engine(settings().database_url)
    with engine.begin() as opened:
        _run(opened)
    engine.dispose()
