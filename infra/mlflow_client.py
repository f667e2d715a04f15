"""The MLflow client: no telemetry, short timeouts, and outages as UnreachableError."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from infra.artifact_places import follow_moved_artifacts
from infra.errors import AbsentError, UnreachableError
from infra.machine.proxies import bypass_proxies
from infra.machine.telemetry import silence
from infra.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

# variables that are already set are kept
DEFAULTS = {
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # the default of 7 takes four minutes
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",  # a server passes weights on to S3 before it answers
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
# Error codes that are answers. Every other error is an outage, including those of a server that is
# not MLflow, because its 404 has another code.
ANSWERS = ("RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "INVALID_PARAMETER_VALUE")
_SCHEMAS = re.compile(r"database schema \(found version (\w+), but expected (\w+)\)")


def connect(here: Settings) -> MlflowClient:
    """A client of the tracking server and registry; raises UnreachableError."""
    prepare_environment(here)
    uri = here.mlflow_tracking_uri
    with asking(uri):
        _make_database(here)

        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=uri, registry_uri=uri)


def prepare_environment(here: Settings) -> None:
    """Set MLflow's environment variables; its servers inherit them."""
    silence()
    bypass_proxies(here)
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    os.environ.update(here.tool_environment())


@contextmanager
def asking(uri: str) -> Iterator[None]:
    """Turn every outage into UnreachableError; an answer that nobody expected is AbsentError."""
    try:
        yield
    except UnreachableError:
        raise
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:  # requests' errors are OSErrors
        raise _unreachable(uri, error) from error
    except _library_errors() as error:
        if is_absence(error):
            raise AbsentError(f"MLflow at {_shown(uri)}: {_first_line(error)}") from error
        if _answer(error):
            raise
        raise _unreachable(uri, error) from error


def is_absence(error: Exception) -> bool:
    """Whether MLflow answered that the requested object does not exist."""
    return _answer(error) == ANSWERS[0]


def _library_errors() -> tuple[type[Exception], ...]:
    # evaluated only when something was raised: importing these at the top would take seconds
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError
    from mlflow.exceptions import MlflowException

    return MlflowException, BotoCoreError, ClientError, Boto3Error


def _answer(error: Exception) -> str | None:
    code = getattr(error, "error_code", None)
    return code if code in ANSWERS else None


def _unreachable(uri: str, error: Exception) -> UnreachableError:
    reason = _first_line(error)
    if schemas := _SCHEMAS.search(reason):
        reason = (
            f"its schema is {schemas[1]}, this MLflow expects {schemas[2]}: of an older MLflow, "
            "copy it and run `mlflow db upgrade`; of a newer one, install that release"
        )
    return UnreachableError(f"MLflow at {_shown(uri)} cannot be reached ({_shown(reason)[:300]})")


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split("\n")[0].split())


def _shown(text: str) -> str:
    return re.sub(r"://([^:/@\s]*):[^@/\s]*@", r"://\1:***@", text)


@lru_cache
def _make_database(here: Settings) -> None:
    """Migrate a database once, before other processes use it; a server does this itself.

    A connection is tried first, because MLflow retries a failing one for minutes.
    """
    uri = here.mlflow_tracking_uri
    if uri.startswith("http"):
        return
    for chatty in ("mlflow.store.db.utils", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    with _alone_with(uri):
        _try(uri)
        _migrate(uri)
        follow_moved_artifacts(here)


def _alone_with(uri: str) -> AbstractContextManager[object]:
    if not uri.startswith("sqlite:"):
        return nullcontext()
    file = Path(make_url(uri).database or "")
    file.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(f"{file}.lock")


def _migrate(uri: str) -> None:
    from mlflow import MlflowClient

    MlflowClient(tracking_uri=uri, registry_uri=uri).search_experiments(max_results=1)


def _try(uri: str) -> None:
    engine = create_engine(uri)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(
                "PRAGMA schema_version" if uri.startswith("sqlite:") else "SELECT 1"
            )
    finally:
        engine.dispose()
