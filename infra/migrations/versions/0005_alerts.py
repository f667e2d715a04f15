"""Alerts and their deliveries, causes of cycle requests, the release that answered a request."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables and add the columns."""
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("key", sa.String(200), nullable=False, unique=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("happened_at", TIME, nullable=False),
        sa.Column("raised_at", TIME, nullable=False),
    )
    op.create_index("ix_alerts_raised_at", "alerts", ["raised_at"])
    op.create_table(
        "alert_deliveries",
        sa.Column("alert_id", sa.String(36), sa.ForeignKey("alerts.id"), primary_key=True),
        sa.Column("sink", sa.String(16), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", TIME, nullable=False),
        sa.Column("claimed_until", TIME),
        sa.Column("ended_at", TIME),
        sa.Column("error", sa.Text()),
    )
    op.create_index("due_deliveries", "alert_deliveries", ["state", "next_attempt_at"])
    op.add_column("cycle_requests", sa.Column("cause", sa.Text()))
    op.add_column(
        "cycle_requests", sa.Column("times", sa.Integer(), nullable=False, server_default="1")
    )
    op.add_column("cycle_requests", sa.Column("last_requested_at", TIME))
    op.add_column("scored_requests", sa.Column("release", sa.String(64)))
