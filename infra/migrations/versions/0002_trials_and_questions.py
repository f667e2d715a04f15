"""The trials of evaluation sets, and the verdicts by their question."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "set_trials",
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("trials", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "judged_questions",
        sa.Column("question", sa.String(64), primary_key=True),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
    )
