"""Where MLflow keeps artifacts, also after the folder was moved together with its database.

MLflow stores the absolute place of each experiment, run and version.
"""

from __future__ import annotations

import logging
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy import Connection, create_engine, text

from infra.settings import Settings

log = logging.getLogger("antiphon.registry")

_STORED = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def artifact_location(root: str) -> str:
    """A folder, or an address such as s3://bucket, as MLflow must be told it."""
    # MLflow decodes a plain path too, so that it would write to another folder
    return Path(root).as_uri() if "://" not in root and unquote(root) != root else root


def follow_moved_artifacts(here: Settings) -> None:
    """Let the records of MLflow's database name the folder of the settings, if it was moved there.

    It was if it holds the artifacts of a run, or if the folder that the database names is gone.
    Raises SQLAlchemyError.
    """
    new = artifact_location(here.artifact_root)
    engine = create_engine(here.mlflow_tracking_uri)
    try:
        with engine.begin() as connection:
            old = connection.execute(
                text("SELECT artifact_location FROM experiments WHERE name = :name"),
                {"name": here.experiment},
            ).scalar()
            if old and old != new and _was_moved(connection, old, new):
                log.warning("the artifacts of MLflow were moved from %s to %s", old, new)
                _rename(connection, old, new)
    finally:
        engine.dispose()


def _was_moved(connection: Connection, old: str, new: str) -> bool:
    before, now = _folder(old), _folder(new)
    if before is None or now is None:
        return False
    return not before.is_dir() or _holds_a_run(connection, now)


def _holds_a_run(connection: Connection, folder: Path) -> bool:
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()}
    return any(run in names for (run,) in connection.execute(text("SELECT run_uuid FROM runs")))


def _rename(connection: Connection, old: str, new: str) -> None:
    for table, column in _STORED:
        connection.execute(
            text(
                f"UPDATE {table} SET {column} = :new || substr({column}, length(:old) + 1) "
                f"WHERE {column} = :old OR substr({column}, 1, length(:old) + 1) = :old || '/'"
            ),
            {"old": old, "new": new},
        )


def _folder(location: str) -> Path | None:
    """The folder of a location that MLflow stored; None where it is not on this machine."""
    if location.startswith("file://"):
        return Path(unquote(urlsplit(location).path))
    return None if "://" in location or not location.startswith("/") else Path(location)
