"""Training runs in MLflow, identified by a key, so that a retry continues its run."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from infra.artifact_places import artifact_location
from infra.errors import AbsentError, ConflictError
from infra.mlflow_client import asking, connect
from infra.settings import Settings, settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

KEY = "antiphon.key"
METRICS_A_BATCH = 1000  # MLflow's limits
PARAMS_A_BATCH = 100
DIGEST_LENGTH = 36


def open_run(key: str, name: str, tags: Mapping[str, str]) -> str:
    """The id of the run with this key, which is created or set to running again."""
    if not re.fullmatch(r"[\w.:-]+", key):
        raise ValueError(f"run key: letters, digits and .:-_ expected, found {key!r}")
    with _client() as (client, here):
        experiment = _experiment(client, here)
        runs = client.search_runs([experiment], f"tags.`{KEY}` = '{key}'", max_results=1)
        if not runs:
            run = client.create_run(experiment, tags={**tags, KEY: key}, run_name=name)
            return str(run.info.run_id)
        run_id = str(runs[0].info.run_id)
        client.update_run(run_id, status="RUNNING")
    set_tags(run_id, tags)
    return run_id


@contextmanager
def running(key: str, name: str, tags: Mapping[str, str]) -> Iterator[str]:
    """A run while the body runs; it fails if the body does, or is stopped. Yields its id."""
    run_id = open_run(key, name, tags)
    try:
        yield run_id
    except BaseException as error:
        close_run(run_id, "FAILED" if isinstance(error, Exception) else "KILLED")
        raise
    close_run(run_id)


def close_run(run_id: str, status: Literal["FINISHED", "FAILED", "KILLED"] = "FINISHED") -> None:
    """End a run."""
    with _client() as (client, _):
        client.set_terminated(run_id, status)


def set_tags(run_id: str, tags: Mapping[str, str]) -> None:
    """Set tags of a run; existing tags are overwritten."""
    from mlflow.entities import RunTag

    with _client() as (client, _):
        client.log_batch(run_id, tags=[RunTag(name, str(value)) for name, value in tags.items()])


def log_params(run_id: str, params: Mapping[str, Any]) -> None:
    """Log nested parameters by dotted names; raises ConflictError if a logged one differs."""
    from mlflow.entities import Param
    from mlflow.exceptions import MlflowException

    logged = [Param(name, _text(value)) for name, value in flatten(params)]
    with _client() as (client, _):
        try:
            for start in range(0, len(logged), PARAMS_A_BATCH):
                client.log_batch(run_id, params=logged[start : start + PARAMS_A_BATCH])
        except MlflowException as error:
            if error.error_code != "INVALID_PARAMETER_VALUE":
                raise
            raise ConflictError(f"run {run_id}: {str(error).splitlines()[0]}") from error


def log_epoch(run_id: str, epoch: int, metrics: Mapping[str, Any]) -> None:
    """Log the figures of one epoch."""
    _log(run_id, metrics, epoch)


def log_metrics(run_id: str, metrics: Mapping[str, Any]) -> None:
    """Log the numbers of a nested document, such as a report, by dotted names."""
    _log(run_id, metrics, 0)


def log_document(run_id: str, name: str, document: Mapping[str, Any]) -> None:
    """Store a JSON document among the artifacts."""
    if not name.endswith(".json"):
        raise ValueError(f"document name: *.json expected, found {name!r}")
    with _client() as (client, _):
        client.log_dict(run_id, dict(document), name)


def log_artifacts(run_id: str, path: Path, place: str | None = None) -> None:
    """Store a file, or the content of a folder, among the artifacts, in the folder `place`."""
    if not path.exists():
        raise AbsentError(f"{path}: a file or folder expected, nothing is there")
    with _client() as (client, _):
        log = client.log_artifacts if path.is_dir() else client.log_artifact
        log(run_id, str(path), place)


def log_dataset(run_id: str, name: str, revision: str, source: str, context: str) -> None:
    """Log the dataset version of a run; `source` is the repository of that revision."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    place = json.dumps({"repository": source, "revision": revision})
    dataset = Dataset(name, revision[:DIGEST_LENGTH], "dvc", place)
    tag = InputTag("mlflow.data.context", context)
    with _client() as (client, _):
        client.log_inputs(run_id, [DatasetInput(dataset, [tag])])


@contextmanager
def watch_system(run_id: str, every_s: float = 10.0) -> Iterator[None]:
    """Log the use of processor, memory, disk and GPU while the body runs."""
    with _client() as (_, here):
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        make: Any = SystemMetricsMonitor  # untyped
        monitor = make(
            run_id,
            sampling_interval=every_s,
            resume_logging=True,
            tracking_uri=here.mlflow_tracking_uri,
        )
    monitor.start()
    try:
        yield
    finally:
        monitor.finish()


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested mappings as dotted names and values."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


@contextmanager
def _client() -> Iterator[tuple[MlflowClient, Settings]]:
    here = settings()
    with asking(here.mlflow_tracking_uri):
        yield connect(here), here


def _experiment(client: MlflowClient, here: Settings) -> str:
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(here.experiment)
    if experiment is not None:
        if experiment.lifecycle_stage == "deleted":  # the name stays taken
            client.restore_experiment(experiment.experiment_id)
        return str(experiment.experiment_id)
    try:
        return client.create_experiment(here.experiment, _artifact_root(here))
    except MlflowException:  # created by another process just now, else raised below
        experiment = client.get_experiment_by_name(here.experiment)
        if experiment is None:
            raise
        return str(experiment.experiment_id)


def _artifact_root(here: Settings) -> str | None:
    # a server elsewhere cannot use a folder of this machine, so it chooses its own
    remote = here.mlflow_tracking_uri.startswith("http")
    if remote and not here.artifact_root.startswith("s3://"):
        return None
    return artifact_location(here.artifact_root)


def _log(run_id: str, metrics: Mapping[str, Any], step: int) -> None:
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    logged = [
        Metric(name, float(value), now, step)
        for name, value in flatten(metrics)
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    with _client() as (client, _):
        for start in range(0, len(logged), METRICS_A_BATCH):
            client.log_batch(run_id, metrics=logged[start : start + METRICS_A_BATCH])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
