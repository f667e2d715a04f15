"""What a request was answered by a policy."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column."""
    op.add_column("scored_requests", sa.Column("judgement", sa.JSON()))
