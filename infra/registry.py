"""The model registry: registered detectors and their aliases.

Aliases of the registered model: `champion` is the version that should serve, `previous` is the
previous champion, `challenger` is the version in shadow. Detectors are stored as plain files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from infra.errors import AbsentError, ConflictError
from infra.mlflow_client import asking, connect
from infra.model_versions import (
    MANIFEST,
    NOTE,
    ModelVersion,
    aliases_of,
    download_whole,
    make_registered_model,
    typed,
    version_exists,
    version_of,
    version_of_run,
)
from infra.settings import Settings, settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION = "champion"
PREVIOUS = "previous"
CHALLENGER = "challenger"
ARTIFACT = "detector"  # the folder among the artifacts of a run


def champion() -> ModelVersion | None:
    """The version that should serve, or None; raises UnreachableError if unknown."""
    return _behind(CHAMPION)


def challenger() -> ModelVersion | None:
    """The version that runs in shadow, or None; raises UnreachableError if unknown."""
    return _behind(CHALLENGER)


def version(number: int) -> ModelVersion:
    """A version by its number; raises AbsentError if there is none."""
    here = settings()
    with asking(here.mlflow_tracking_uri):
        return version_of(connect(here), here, number)


def register(folder: Path, run_id: str, tags: Mapping[str, str]) -> ModelVersion:
    """Upload a detector folder to its run and register it as a version with the run's description.

    Registering the same run again returns the same version.
    """
    if not (folder / MANIFEST).is_file():
        raise AbsentError(f"{folder}: a detector folder expected, {MANIFEST} is missing")
    here = settings()
    with asking(here.mlflow_tracking_uri):
        client = connect(here)
        make_registered_model(client, here)
        existing = version_of_run(client, here, run_id)
        if existing is not None:
            return existing
        client.log_artifacts(run_id, str(folder), ARTIFACT)
        run = client.get_run(run_id)
        created = client.create_model_version(
            here.registered_model,
            f"{run.info.artifact_uri}/{ARTIFACT}",
            run_id,
            tags={k: str(v) for k, v in tags.items()},
            description=run.data.tags.get(NOTE),
        )
        return typed(created)


def set_champion(number: int, expected: int | None) -> None:
    """Make a version the champion and the old champion `previous`.

    Raises ConflictError if the champion is neither `expected` nor already this version. MLflow's
    aliases have no conditional write, so the check and the write are two requests: callers on this
    machine take turns, and a change on the registry's page in between is overwritten.
    """
    here = settings()
    with asking(here.mlflow_tracking_uri), _turn(here):
        client = connect(here)
        current = aliases_of(client, here).get(CHAMPION)
        if current == number:
            return
        if current != expected:
            raise ConflictError(
                f"{here.registered_model}: the champion is {_name(current)}, "
                f"{_name(expected)} expected; nothing was moved"
            )
        version_of(client, here, number)
        _move(client, here, number, current)


def set_challenger(number: int, expected: int | None, tags: Mapping[str, str]) -> int | None:
    """Make a version the challenger of the champion `expected`; returns the one it replaces.

    The tags are set first, so that no reader finds a challenger without them. Raises ConflictError
    if the champion is another version or this version itself.
    """
    here = settings()
    with asking(here.mlflow_tracking_uri), _turn(here):
        client = connect(here)
        aliases = aliases_of(client, here)
        current = aliases.get(CHAMPION)
        if current != expected or number == current:
            raise ConflictError(
                f"{here.registered_model}: the champion is {_name(current)}, {_name(expected)} "
                f"expected beside the challenger, version {number}; nothing was moved"
            )
        version_of(client, here, number)
        _tag(client, here, number, tags)
        client.set_registered_model_alias(here.registered_model, CHALLENGER, str(number))
        replaced = aliases.get(CHALLENGER)
        return None if replaced == number else replaced


def drop_challenger(number: int) -> bool:
    """Remove the alias `challenger` from a version; False if it is not the challenger."""
    here = settings()
    with asking(here.mlflow_tracking_uri), _turn(here):
        client = connect(here)
        if aliases_of(client, here).get(CHALLENGER) != number:
            return False
        client.delete_registered_model_alias(here.registered_model, CHALLENGER)
        return True


def tag(number: int, tags: Mapping[str, str]) -> None:
    """Set tags of a version, replacing those of the same names; raises AbsentError."""
    here = settings()
    with asking(here.mlflow_tracking_uri):
        client = connect(here)
        version_of(client, here, number)
        _tag(client, here, number, tags)


def previous() -> int | None:
    """The number of the previous champion, the target of `rollback`."""
    here = settings()
    with asking(here.mlflow_tracking_uri):
        return aliases_of(connect(here), here).get(PREVIOUS)


def withdraw(refused: int, champion_before: int, previous_before: int | None) -> None:
    """Restore both aliases as they were before `refused` became the champion.

    Raises ConflictError if the alias was moved in the meantime.
    """
    set_champion(champion_before, expected=refused)
    here = settings()
    with asking(here.mlflow_tracking_uri), _turn(here):
        _remember(connect(here), here, previous_before)


def rollback() -> ModelVersion:
    """Swap champion and previous, and return the new champion; raises AbsentError."""
    here = settings()
    with asking(here.mlflow_tracking_uri), _turn(here):
        client = connect(here)
        aliases = aliases_of(client, here)
        current, previous = aliases.get(CHAMPION), aliases.get(PREVIOUS)
        if previous is None:
            raise AbsentError(
                f"{here.registered_model}: no version to go back to, the alias '{PREVIOUS}' "
                "was never set or its version was deleted"
            )
        if previous == current:
            raise AbsentError(
                f"{here.registered_model}: no version to go back to, the alias '{PREVIOUS}' points "
                f"at the champion itself, version {current} (moved by hand, or a rollback was cut "
                f"off); move the alias '{CHAMPION}' by hand"
            )
        target = version_of(client, here, previous)
        # champion first: if killed in between, the rollback is done and only undoing it is lost
        client.set_registered_model_alias(here.registered_model, CHAMPION, str(previous))
        _remember(client, here, current)
        _end_challenge(client, here, previous)
        return target


def fetch(number: int, folder: Path) -> Path:
    """Download a version as `folder`, completely or not at all; returns the folder.

    A folder that already holds a detector is kept. The caller verifies the hashes.
    """
    if (folder / MANIFEST).is_file():
        return folder
    here = settings()
    with asking(here.mlflow_tracking_uri):
        download_whole(here, version_of(connect(here), here, number), folder)
    return folder


def _behind(alias: str) -> ModelVersion | None:
    here = settings()
    with asking(here.mlflow_tracking_uri):
        client = connect(here)
        number = aliases_of(client, here).get(alias)
        return None if number is None else version_of(client, here, number)


def _tag(client: MlflowClient, here: Settings, number: int, tags: Mapping[str, str]) -> None:
    for name, value in tags.items():
        client.set_model_version_tag(here.registered_model, str(number), name, value)


def _move(client: MlflowClient, here: Settings, number: int, current: int | None) -> None:
    # previous first: if killed in between, the champion is still the old one
    if current is not None:
        _remember(client, here, current)
    client.set_registered_model_alias(here.registered_model, CHAMPION, str(number))
    _end_challenge(client, here, number)


def _remember(client: MlflowClient, here: Settings, number: int | None) -> None:
    """Let `previous` name a version, or nothing where its version was deleted."""
    if number is not None and version_exists(client, here, number):
        client.set_registered_model_alias(here.registered_model, PREVIOUS, str(number))
    else:
        client.delete_registered_model_alias(here.registered_model, PREVIOUS)


def _end_challenge(client: MlflowClient, here: Settings, number: int) -> None:
    """Remove the alias `challenger` from the new champion."""
    if aliases_of(client, here).get(CHALLENGER) == number:
        client.delete_registered_model_alias(here.registered_model, CHALLENGER)


def _turn(here: Settings) -> FileLock:
    here.state_dir.mkdir(parents=True, exist_ok=True)
    return FileLock(here.state_dir / "registry.lock")


def _name(number: int | None) -> str:
    return "none" if number is None else f"version {number}"
