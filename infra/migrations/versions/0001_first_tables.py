"""The tables of the first antiphon; those that are there already are kept as they are."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TABLES = sa.MetaData()
TIME = sa.DateTime(timezone=True)

sa.Table(
    "audit_log",
    TABLES,
    sa.Column("seq", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("event", sa.String(32), nullable=False),
    sa.Column("actor", sa.Text(), nullable=False),
    sa.Column("document", sa.Text(), nullable=False),
    sa.Column("key_id", sa.String(16), nullable=False),
    sa.Column("previous", sa.String(64), nullable=False, unique=True),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),
    sa.Column("signature", sa.String(128), nullable=False),
)

sa.Table(
    "comparisons",
    TABLES,
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("run_id", sa.String(64), nullable=False),
    sa.Column("set_name", sa.String(32), nullable=False),
    sa.Column("version", sa.String(64), nullable=False, index=True),
    sa.Column("cycle_id", sa.String(36)),
    sa.Column("bonafide", sa.Integer(), nullable=False),
    sa.Column("spoof", sa.Integer(), nullable=False),
    sa.Column("clusters", sa.Integer(), nullable=False),
    sa.Column("level", sa.Float(), nullable=False),
    sa.Column("decision", sa.String(16), nullable=False),
    sa.Column("compared_at", TIME, nullable=False),
    sa.UniqueConstraint("run_id", "set_name", "version"),
)

sa.Table(
    "cycles",
    TABLES,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("started_at", TIME, nullable=False),
    sa.Column("heartbeat_at", TIME, nullable=False),
    sa.Column("ended_at", TIME),
    sa.Column("running", sa.Boolean()),
    sa.Column("fencing_token", sa.Integer(), nullable=False, unique=True),
    sa.Column("outcome", sa.String(16)),
    sa.Column("summary", sa.JSON()),
    sa.Index("one_running_cycle", "running", unique=True),
)

sa.Table(
    "scored_requests",
    TABLES,
    sa.Column("request_id", sa.String(36), primary_key=True),
    sa.Column("scored_at", TIME, nullable=False, index=True),
    sa.Column("model_version", sa.Integer(), nullable=False),
    sa.Column("cm_score", sa.Float(), nullable=False),
    sa.Column("spoof_probability", sa.Float(), nullable=False),
    sa.Column("verdict", sa.String(16), nullable=False),
    sa.Column("threshold", sa.Float(), nullable=False),
    sa.Column("duration_s", sa.Float(), nullable=False),
    sa.Column("windows", sa.Integer(), nullable=False),
    sa.Column("features", sa.JSON(), nullable=False),
    sa.Column("embedding_sketch", sa.JSON(), nullable=False),
    sa.Column("audio_sha256", sa.String(64), nullable=False),
    sa.Column("audio_key", sa.Text()),
    sa.Column("source", sa.Text()),
    sa.Column("speaker_id", sa.Text()),
)

sa.Table(
    "shadow_looks",
    TABLES,
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("shadow_id", sa.String(36), nullable=False),
    sa.Column("number", sa.Integer(), nullable=False),
    sa.Column("looked_at", TIME, nullable=False),
    sa.Column("model_version", sa.Integer(), nullable=False),
    sa.Column("champion", sa.Integer(), nullable=False),
    sa.Column("recordings", sa.JSON(), nullable=False),
    sa.Column("gains", sa.JSON(), nullable=False),
    sa.Column("e_value", sa.Float(), nullable=False),
    sa.Column("decision", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("acting_since", TIME),
    sa.Column("acted_at", TIME),
    sa.UniqueConstraint("shadow_id", "number", name="one_look_at_a_time"),
)

sa.Table(
    "cycle_requests",
    TABLES,
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("requested_at", TIME, nullable=False),
    sa.Column("trigger", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text(), nullable=False),
    sa.Column("cycle_id", sa.String(36), sa.ForeignKey("cycles.id")),
)

sa.Table(
    "field_samples",
    TABLES,
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column(
        "request_id",
        sa.String(36),
        sa.ForeignKey("scored_requests.request_id"),
        nullable=False,
        unique=True,
    ),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("flagged_at", TIME, nullable=False),
    sa.Column("claimed_label", sa.String(16), nullable=False),
    sa.Column("claimed_attack_id", sa.String(128)),
    sa.Column("comment", sa.Text()),
    sa.Column("audio_key", sa.Text()),
    sa.Column("reviewed_at", TIME),
    sa.Column("reviewer", sa.String(128)),
    sa.Column("label", sa.String(16)),
    sa.Column("attack_id", sa.String(128)),
    sa.Column("dataset_revision", sa.String(64)),
)

sa.Table(
    "shadow_scores",
    TABLES,
    sa.Column(
        "request_id", sa.String(36), sa.ForeignKey("scored_requests.request_id"), primary_key=True
    ),
    sa.Column("model_version", sa.Integer(), primary_key=True, index=True),
    sa.Column("scored_at", TIME, nullable=False),
    sa.Column("cm_score", sa.Float(), nullable=False),
    sa.Column("verdict", sa.String(16), nullable=False),
    sa.Column("threshold", sa.Float(), nullable=False),
)

sa.Table(
    "drift_checks",
    TABLES,
    sa.Column("id", sa.Integer(), primary_key=True),
    sa.Column("checked_at", TIME, nullable=False),
    sa.Column("model_version", sa.Integer()),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("report", sa.JSON(), nullable=False),
    sa.Column("cycle_request_id", sa.Integer(), sa.ForeignKey("cycle_requests.id")),
)

ONLY_ADDED = "rows of audit_log are only ever added"
REFUSALS = {
    "sqlite": [
        f"CREATE TRIGGER audit_log_no_{change.lower()} BEFORE {change} ON audit_log "
        f"BEGIN SELECT RAISE(ABORT, '{ONLY_ADDED}'); END"
        for change in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{ONLY_ADDED}' USING ERRCODE = "
        "'integrity_constraint_violation'; END $$",
        "CREATE TRIGGER audit_log_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse()",
    ],
}


def upgrade() -> None:
    """Create the tables that are missing, and the triggers that guard the audit log."""
    connection = op.get_bind()
    is_guarded = sa.inspect(connection).has_table("audit_log")
    TABLES.create_all(connection)
    if not is_guarded:
        for statement in REFUSALS[connection.dialect.name]:
            connection.exec_driver_sql(statement)
