"""The scopes of a session that an identity provider vouched for."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the column; the sessions that there are have none."""
    op.add_column("console_sessions", sa.Column("scopes", sa.JSON()))
