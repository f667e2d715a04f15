"""The scores of a request's windows, and what the page Samples searches by."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

SEARCHED = ("audio_sha256", "speaker_id")


def upgrade() -> None:
    """Add the column and the indexes."""
    op.add_column("scored_requests", sa.Column("window_scores", sa.JSON()))
    for column in SEARCHED:
        op.create_index(f"ix_scored_requests_{column}", "scored_requests", [column])
    op.create_index("answers_of_a_source", "scored_requests", ["source", "scored_at"])
