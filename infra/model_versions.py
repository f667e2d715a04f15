"""Registered versions as types, and their files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.errors import AbsentError, UnreachableError
from infra.machine.beside import scratch_beside
from infra.mlflow_client import is_absence
from infra.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

MANIFEST = "manifest.json"  # the file that marks a detector folder
NOTE = "mlflow.note.content"  # the tag of a run that MLflow's page shows as its description


@dataclass(frozen=True)
class ModelVersion:
    """One registered detector."""

    version: int
    run_id: str | None
    source: str  # the place of its files
    tags: Mapping[str, str]


def version_folder(here: Settings, version: ModelVersion) -> Path:
    """Where a version of the registry is kept on this machine once it was fetched.

    Where its files come from tells apart equal numbers of two registries, or of one made anew.
    """
    source = hashlib.sha256(version.source.encode()).hexdigest()[:8]
    return here.state_dir / "versions" / f"{version.version}-{source}"


def aliases_of(client: MlflowClient, here: Settings) -> dict[str, int]:
    """Each alias and its version number; empty if nothing was ever registered."""
    from mlflow.exceptions import MlflowException

    try:
        model = client.get_registered_model(here.registered_model)
    except MlflowException as error:
        if is_absence(error):
            return {}
        raise
    return {alias: int(number) for alias, number in model.aliases.items()}


def version_of(client: MlflowClient, here: Settings, number: int) -> ModelVersion:
    """A version by its number; raises AbsentError if there is none."""
    from mlflow.exceptions import MlflowException

    try:
        return typed(client.get_model_version(here.registered_model, str(number)))
    except MlflowException as error:
        if is_absence(error):
            name = here.registered_model
            raise AbsentError(f"{name}: no version {number}, or it was deleted") from error
        raise


def version_of_run(client: MlflowClient, here: Settings, run_id: str) -> ModelVersion | None:
    """The version of a run, if it was registered."""
    query = f"name = '{here.registered_model}' and run_id = '{run_id}'"
    versions = sorted(map(typed, client.search_model_versions(query)), key=lambda v: v.version)
    return versions[0] if versions else None


def version_exists(client: MlflowClient, here: Settings, number: int) -> bool:
    """Whether a version is in the registry; raises UnreachableError."""
    try:
        version_of(client, here, number)
    except AbsentError:
        return False
    return True


def download_whole(here: Settings, wanted: ModelVersion, folder: Path) -> None:
    """Download the files of a version as a folder, completely or not at all.

    Raises AbsentError, or UnreachableError.
    """
    with scratch_beside(folder, shared=True) as scratch:
        scratch.mkdir(parents=True)
        _rename_unless_there(_download(here, wanted, scratch), folder)


def _rename_unless_there(downloaded: Path, folder: Path) -> None:
    try:
        downloaded.rename(folder)  # works on an empty folder too
    except OSError:
        if not (folder / MANIFEST).is_file():  # else another process was faster
            raise


def _download(here: Settings, wanted: ModelVersion, into: Path) -> Path:
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    uri = here.mlflow_tracking_uri
    try:
        downloaded = Path(download_artifacts(wanted.source, dst_path=str(into), tracking_uri=uri))
    except MlflowException as error:  # of any cause, including an outage of the store
        reason = " ".join(str(error).split())
        raise UnreachableError(
            f"the files of version {wanted.version} cannot be read from {wanted.source} ({reason})"
        ) from error
    if not (downloaded / MANIFEST).is_file():
        raise AbsentError(
            f"{here.registered_model}: the files of version {wanted.version} are not at "
            f"{wanted.source} any more"
        )
    return downloaded


def make_registered_model(client: MlflowClient, here: Settings) -> None:
    """Create the registered model if there is none yet."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(here.registered_model)
    except MlflowException as error:
        if getattr(error, "error_code", None) != "RESOURCE_ALREADY_EXISTS":
            raise


def typed(version: Any) -> ModelVersion:
    """A version of MLflow as a ModelVersion."""
    # the number is an int from a database and a string from a server
    return ModelVersion(int(version.version), version.run_id, version.source, dict(version.tags))
