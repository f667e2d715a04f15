"""The schema of antiphon's database: made and upgraded by the revisions of infra/migrations."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, text

from infra.errors import SettingsError

MIGRATIONS = Path(__file__).parent / "migrations"
_TURN = 0x616E7469  # any number, the same in every process


def upgrade(reader: Engine, writer: Engine) -> None:
    """Bring the tables to the newest revision; takes a lock only if they are not there yet.

    `reader` and `writer` are one database. A database without a revision, whether empty or made by
    an antiphon that had none, keeps what it has. Raises SettingsError if the database has a
    revision that this antiphon does not know.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    with reader.connect() as connection:
        if _revision(connection, known) == scripts.get_current_head():
            return
    with writer.begin() as connection:
        if connection.dialect.name == "postgresql":  # SQLite already allows one writer only
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_TURN})"))
        _revision(connection, known)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _revision(connection: Connection, known: set[str]) -> str | None:
    from alembic.runtime.migration import MigrationContext

    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is not None and revision not in known:
        place = connection.engine.url.render_as_string(hide_password=True)
        raise SettingsError(
            f"the database {place} was upgraded by a newer antiphon (its schema is {revision}, "
            f"this antiphon knows up to {max(known)}): upgrade antiphon, or name another database"
        )
    return revision
