"""Downloads the artifacts of a run."""

from __future__ import annotations

import re
from pathlib import Path

from infra.errors import AbsentError, ConflictError, UnreachableError
from infra.machine.beside import scratch_beside
from infra.mlflow_client import asking, connect, is_absence
from infra.settings import settings

_NAME = re.compile(r"[0-9A-Za-z-]{4,64}")


def run_of(cycle_or_run: str) -> str:
    """The run with this id, cycle id or beginning of an id; raises AbsentError."""
    from mlflow.exceptions import MlflowException

    if not _NAME.fullmatch(cycle_or_run):
        raise AbsentError(f"{cycle_or_run!r}: the id of a cycle or run expected, or how it begins")
    here = settings()
    with asking(here.mlflow_tracking_uri):
        client = connect(here)
        try:
            return str(client.get_run(cycle_or_run).info.run_id)
        except MlflowException as error:
            if not is_absence(error) and error.error_code != "INVALID_PARAMETER_VALUE":
                raise
        experiment = client.get_experiment_by_name(here.experiment)
        places = [experiment.experiment_id] if experiment else []
        run_ids = {
            run.info.run_id
            for query in (f"tags.cycle LIKE '{cycle_or_run}%'", f"run_id LIKE '{cycle_or_run}%'")
            for run in client.search_runs(places, query, max_results=2)
        }
    if not run_ids:
        raise AbsentError(f"no cycle and no run begins with {cycle_or_run}")
    if len(run_ids) > 1:
        raise AbsentError(f"several runs begin with {cycle_or_run}: {', '.join(sorted(run_ids))}")
    return str(run_ids.pop())


def tag_of(run_id: str, name: str) -> str | None:
    """A tag of a run."""
    here = settings()
    with asking(here.mlflow_tracking_uri):
        value: str | None = connect(here).get_run(run_id).data.tags.get(name)
        return value


def fetch_artifacts(run_id: str, place: str, folder: Path) -> Path:
    """Download the run's artifacts at `place` as `folder`, completely or not at all.

    Raises ConflictError if the folder exists, UnreachableError if nothing can be downloaded.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    if folder.exists():
        raise ConflictError(f"{folder} already exists; the name of a new folder expected")
    here = settings()
    uri = here.mlflow_tracking_uri
    with asking(uri), scratch_beside(folder, shared=True) as scratch:
        connect(here)
        scratch.mkdir(parents=True)
        try:
            downloaded = download_artifacts(
                run_id=run_id, artifact_path=place, dst_path=str(scratch), tracking_uri=uri
            )
            Path(downloaded).rename(folder)
        except (MlflowException, OSError) as error:
            reason = " ".join(str(error).split())
            raise UnreachableError(f"{place} of run {run_id} cannot be read ({reason})") from error
    return folder
