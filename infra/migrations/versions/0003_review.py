"""Answers of reviewers as revisions, the reviewers, the draws of the audit."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TIME = sa.DateTime(timezone=True)
LABELS = ("bonafide", "spoof", "unusable", "unsure")

ONLY_ADDED = "rows of label_revisions are only ever added"
REFUSALS = {
    "sqlite": [
        f"CREATE TRIGGER label_revisions_no_{change.lower()} BEFORE {change} ON label_revisions "
        f"BEGIN SELECT RAISE(ABORT, '{ONLY_ADDED}'); END"
        for change in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION label_revisions_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{ONLY_ADDED}' USING ERRCODE = "
        "'integrity_constraint_violation'; END $$",
        "CREATE TRIGGER label_revisions_no_change BEFORE UPDATE OR DELETE OR TRUNCATE "
        "ON label_revisions FOR EACH STATEMENT EXECUTE FUNCTION label_revisions_refuse()",
    ],
}


def upgrade() -> None:
    """Widen the samples, create the tables, and keep each label as the first revision."""
    _widen_samples()
    _create_tables()
    _keep_labels()
    connection = op.get_bind()
    for statement in REFUSALS[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def _widen_samples() -> None:
    with op.batch_alter_table("field_samples") as samples:
        samples.alter_column("claimed_label", existing_type=sa.String(16), nullable=True)
        for column in (
            sa.Column("origin", sa.String(16), nullable=False, server_default="feedback"),
            sa.Column("use", sa.String(8), nullable=False, server_default="train"),
            sa.Column("quarantined_at", TIME),
            sa.Column("audio_sent", sa.Boolean(), nullable=False, server_default=sa.false()),
            sa.Column("pcm_sha256", sa.String(64)),
            sa.Column("cluster", sa.String(64)),
            sa.Column("held", sa.Text()),
            sa.Column("locked_by", sa.String(128)),
            sa.Column("locked_until", TIME),
            sa.Column("awaits_expert", sa.Boolean(), nullable=False, server_default=sa.false()),
        ):
            samples.add_column(column)
        samples.create_index("ix_field_samples_pcm_sha256", ["pcm_sha256"])
        samples.create_index("ix_field_samples_cluster", ["cluster"])
    samples_table = sa.table("field_samples", sa.column("audio_sent"), sa.column("audio_key"))
    was_sent = samples_table.c.audio_key.like("flagged/%")
    op.execute(samples_table.update().where(was_sent).values(audio_sent=sa.true()))


def _create_tables() -> None:
    op.create_table(
        "label_revisions",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("sample_id", sa.Integer(), sa.ForeignKey("field_samples.id"), nullable=False),
        sa.Column("reviewer", sa.String(128), nullable=False),
        sa.Column("expert", sa.Boolean(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("label", sa.String(16)),
        sa.Column("undoes", sa.Integer(), sa.ForeignKey("label_revisions.id"), unique=True),
        sa.Column("attack_id", sa.String(128)),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("regions", sa.JSON(), nullable=False),
        sa.Column("seconds", sa.Float()),
        sa.Column("gold", sa.String(16)),
        sa.Column("batch", sa.String(36), index=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.UniqueConstraint("reviewer", "key", name="one_answer_a_key"),
        sa.Index("revisions_of_a_sample", "sample_id", "reviewer"),
    )
    op.create_table(
        "reviewers",
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("expert", sa.Boolean(), nullable=False),
        sa.Column("added_at", TIME, nullable=False),
    )
    op.create_table(
        "audit_draws",
        sa.Column(
            "request_id",
            sa.String(36),
            sa.ForeignKey("scored_requests.request_id"),
            primary_key=True,
        ),
        sa.Column("drawn_at", TIME, nullable=False),
        sa.Column("model_version", sa.Integer(), nullable=False, index=True),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("kept", sa.Boolean(), nullable=False),
    )


def _keep_labels() -> None:
    """One reviewer's word was enough then: it is that of an expert."""
    op.execute(
        "INSERT INTO label_revisions (sample_id, reviewer, expert, at, label, attack_id, "
        "reasons, regions, key) SELECT id, COALESCE(reviewer, 'unknown'), true, "
        "COALESCE(reviewed_at, flagged_at), label, attack_id, '[]', '[]', "
        "'before-revisions-' || id FROM field_samples WHERE label IN "
        f"({', '.join(repr(label) for label in LABELS)})"
    )
