"""Tokens with scopes, sessions of the console, pauses of automatic promotion, approvals."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables, and an index of the answers of a version by time."""
    _make_access()
    _make_promotion()
    op.create_index("answers_of_a_version", "scored_requests", ["model_version", "scored_at"])


def _make_access() -> None:
    op.create_table(
        "access_tokens",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("made_by", sa.String(128), nullable=False),
        sa.Column("expires_at", TIME),
        sa.Column("revoked_at", TIME),
    )
    op.create_table(
        "console_sessions",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("token_id", sa.Integer(), sa.ForeignKey("access_tokens.id")),
        sa.Column("person", sa.String(128), nullable=False),
        sa.Column("begun_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False, index=True),
    )


def _make_promotion() -> None:
    op.create_table(
        "promotion_pauses",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("begun_at", TIME, nullable=False),
        sa.Column("begun_by", sa.String(128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_at", TIME),
        sa.Column("ended_by", sa.String(128)),
    )
    op.create_table(
        "approvals",
        sa.Column("version", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("champion", sa.Integer()),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("asked_by", sa.String(128), nullable=False),
        sa.Column("decision", sa.String(16)),
        sa.Column("decided_at", TIME),
        sa.Column("decided_by", sa.String(128)),
    )
