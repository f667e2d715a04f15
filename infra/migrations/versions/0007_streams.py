"""Live streams, and messages to clients' addresses."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "webhook_messages",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("key", sa.String(200), nullable=False, unique=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("receiver", sa.String(300), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", TIME, nullable=False),
        sa.Column("claimed_until", TIME),
        sa.Column("ended_at", TIME),
        sa.Column("error", sa.Text()),
    )
    op.create_index("due_messages", "webhook_messages", ["state", "next_attempt_at"])
    op.create_index("ix_webhook_messages_ended_at", "webhook_messages", ["ended_at"])
    op.create_table(
        "streams",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("dialect", sa.String(16), nullable=False),
        sa.Column("call_id", sa.Text()),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("model_version", sa.Integer(), nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("ended_at", TIME),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("duration_s", sa.Float(), nullable=False),
        sa.Column("speech_s", sa.Float(), nullable=False),
        sa.Column("close_code", sa.Integer()),
        sa.Column("audio_key", sa.Text()),
        sa.Column("release", sa.String(64)),
        sa.Column("answer", sa.JSON(), nullable=False),
    )
    op.create_index("streams_of_a_call", "streams", ["call_id", "opened_at"])
    op.create_index("ix_streams_opened_at", "streams", ["opened_at"])
