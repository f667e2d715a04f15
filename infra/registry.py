"""The model registry: which detector folders have won, and which of them is the champion.

Aliases of the registered model: `champion` is the one truth about what should serve, `previous`
is the champion before it. Detectors are kept as plain files.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from infra.errors import AbsentError, ConflictError, UnreachableError
from infra.mlflow_client import asking, connect, is_absence
from infra.settings import Settings, settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION = "champion"
PREVIOUS = "previous"
ARTIFACT = "detector"  # the folder among the artifacts of a run
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class ModelVersion:
    """One registered detector."""

    version: int
    run_id: str | None
    source: str  # where its files are
    tags: Mapping[str, str]


def champion() -> ModelVersion | None:
    """The version that should serve; None where there is none, UnreachableError where unknown."""
    here = settings()
    with asking(here.mlflow_tracking_uri):
        client = connect(here)
        number = _aliases(client, here).get(CHAMPION)
        return None if number is None else _version(client, here, number)


def version(number: int) -> ModelVersion:
    """A version by its number; raises AbsentError where there is none."""
    here = settings()
    with asking(here.mlflow_tracking_uri):
        return _version(connect(here), here, number)


def register(folder: Path, run_id: str, tags: Mapping[str, str]) -> ModelVersion:
    """Upload a detector folder to its run and make it a version.

    The same run is the same version, however often it is registered.
    """
    if not (folder / _MANIFEST).is_file():
        raise AbsentError(f"{folder}: a detector folder expected, {_MANIFEST} is missing")
    here = settings()
    with asking(here.mlflow_tracking_uri):
        client = connect(here)
        _make_registered_model(client, here)
        found = _of_run(client, here, run_id)
        if found is not None:
            return found
        client.log_artifacts(run_id, str(folder), ARTIFACT)
        source = f"{client.get_run(run_id).info.artifact_uri}/{ARTIFACT}"
        made = client.create_model_version(
            here.registered_model, source, run_id, tags={k: str(v) for k, v in tags.items()}
        )
        return _typed(made)


def set_champion(number: int, expected: int | None) -> None:
    """Make a version the champion and the old champion `previous`.

    Raises ConflictError where the champion is neither `expected` nor already this version.
    MLflow's aliases know no conditions, so the check and the write are two requests: callers on
    this machine take turns, and a hand on the registry's page wins if it comes in between.
    """
    here = settings()
    with asking(here.mlflow_tracking_uri), _turn(here):
        client = connect(here)
        current = _aliases(client, here).get(CHAMPION)
        if current == number:
            return
        if current != expected:
            raise ConflictError(
                f"{here.registered_model}: the champion is {_name(current)}, "
                f"{_name(expected)} expected; nothing was moved"
            )
        _version(client, here, number)
        _move(client, here, number, current)


def previous() -> int | None:
    """The number of the champion before this one, where `rollback` would go."""
    here = settings()
    with asking(here.mlflow_tracking_uri):
        return _aliases(connect(here), here).get(PREVIOUS)


def withdraw(refused: int, champion_before: int, previous_before: int | None) -> None:
    """Put both aliases back to where they were before `refused` became the champion.

    Raises ConflictError where somebody has moved the alias on meanwhile.
    """
    set_champion(champion_before, expected=refused)
    here = settings()
    with asking(here.mlflow_tracking_uri), _turn(here):
        client, name = connect(here), here.registered_model
        if previous_before is None:
            client.delete_registered_model_alias(name, PREVIOUS)
        else:
            client.set_registered_model_alias(name, PREVIOUS, str(previous_before))


def rollback() -> ModelVersion:
    """Swap champion and previous, and return the new champion; raises AbsentError."""
    here = settings()
    with asking(here.mlflow_tracking_uri), _turn(here):
        client = connect(here)
        aliases = _aliases(client, here)
        current, previous = aliases.get(CHAMPION), aliases.get(PREVIOUS)
        if previous is None or previous == current:
            raise AbsentError(
                f"{here.registered_model}: no version to go back to, the alias '{PREVIOUS}' "
                "was never set or its version was deleted"
            )
        target = _version(client, here, previous)
        _move(client, here, previous, current)
        return target


def fetch(number: int, folder: Path) -> Path:
    """Make `folder` the detector folder of a version, whole or not at all; returns it.

    A folder that already holds a detector is left as it is. Hashes are the caller's to verify.
    """
    if (folder / _MANIFEST).is_file():
        return folder
    here = settings()
    with asking(here.mlflow_tracking_uri):
        wanted = _version(connect(here), here, number)
        beside = folder.parent / f".{folder.name}-{uuid.uuid4().hex}"
        beside.mkdir(parents=True)
        try:
            downloaded = _download(here, wanted, beside)
            _rename_unless_there(downloaded, folder)
        finally:
            rmtree(beside, ignore_errors=True)
    return folder


def _download(here: Settings, wanted: ModelVersion, into: Path) -> Path:
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    uri = here.mlflow_tracking_uri
    try:
        downloaded = Path(download_artifacts(wanted.source, dst_path=str(into), tracking_uri=uri))
    except MlflowException as error:  # of every cause, an outage of the store included
        reason = " ".join(str(error).split())
        raise UnreachableError(
            f"the files of version {wanted.version} cannot be read from {wanted.source} ({reason})"
        ) from error
    if not (downloaded / _MANIFEST).is_file():
        raise AbsentError(
            f"{here.registered_model}: the files of version {wanted.version} are not at "
            f"{wanted.source} any more"
        )
    return downloaded


def _rename_unless_there(downloaded: Path, folder: Path) -> None:
    try:
        downloaded.rename(folder)  # onto an empty folder, too
    except OSError:
        if not (folder / _MANIFEST).is_file():  # else somebody else was faster
            raise


def _aliases(client: MlflowClient, here: Settings) -> dict[str, int]:
    from mlflow.exceptions import MlflowException

    try:
        model = client.get_registered_model(here.registered_model)
    except MlflowException as error:
        if is_absence(error):
            return {}
        raise
    return {alias: int(number) for alias, number in model.aliases.items()}


def _version(client: MlflowClient, here: Settings, number: int) -> ModelVersion:
    from mlflow.exceptions import MlflowException

    try:
        return _typed(client.get_model_version(here.registered_model, str(number)))
    except MlflowException as error:
        if is_absence(error):
            name = here.registered_model
            raise AbsentError(f"{name}: no version {number}, or it was deleted") from error
        raise


def _of_run(client: MlflowClient, here: Settings, run_id: str) -> ModelVersion | None:
    query = f"name = '{here.registered_model}' and run_id = '{run_id}'"
    found = sorted(map(_typed, client.search_model_versions(query)), key=lambda v: v.version)
    return found[0] if found else None


def _make_registered_model(client: MlflowClient, here: Settings) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(here.registered_model)
    except MlflowException as error:
        if getattr(error, "error_code", None) != "RESOURCE_ALREADY_EXISTS":
            raise


def _move(client: MlflowClient, here: Settings, number: int, current: int | None) -> None:
    # previous first: stopped in between, the champion is still the old one
    if current is not None:
        client.set_registered_model_alias(here.registered_model, PREVIOUS, str(current))
    client.set_registered_model_alias(here.registered_model, CHAMPION, str(number))


def _turn(here: Settings) -> FileLock:
    here.state_dir.mkdir(parents=True, exist_ok=True)
    return FileLock(here.state_dir / "registry.lock")


def _typed(found: Any) -> ModelVersion:
    # the number is an int from a database and a string from a server
    return ModelVersion(int(found.version), found.run_id, found.source, dict(found.tags))


def _name(number: int | None) -> str:
    return "none" if number is None else f"version {number}"
