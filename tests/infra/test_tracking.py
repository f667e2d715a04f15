"""Runs are found again by their key and hold what was logged."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from infra import tracking
from infra.errors import AbsentError, ConflictError, UnreachableError
from infra.mlflow_client import connect
from infra.settings import settings


@pytest.fixture
def run_id(mlflow_state: Path) -> str:
    assert mlflow_state.is_dir()
    return tracking.open_run("cycle-1", "candidate", {"dataset": "d1"})


def _run(run_id: str) -> Any:
    return connect(settings()).get_run(run_id)


def test_a_retry_goes_on_with_its_own_run(run_id: str) -> None:
    tracking.close_run(run_id, "FAILED")
    assert _run(run_id).info.status == "FAILED"
    assert tracking.open_run("cycle-1", "candidate", {"commit": "c1"}) == run_id
    again = _run(run_id)
    assert again.info.status == "RUNNING"
    assert (again.data.tags["dataset"], again.data.tags["commit"]) == ("d1", "c1")


def test_another_key_is_another_run(run_id: str) -> None:
    assert tracking.open_run("cycle-2", "candidate", {}) != run_id


def test_parameters_have_dotted_names_and_do_not_change(run_id: str) -> None:
    params = {"training": {"epochs": 3, "loss": "bce"}, "augmentation": {}, "balanced": True}
    tracking.log_params(run_id, params)
    tracking.log_params(run_id, params)
    assert _run(run_id).data.params == {
        "training.epochs": "3",
        "training.loss": "bce",
        "augmentation": "{}",
        "balanced": "true",
    }
    with pytest.raises(ConflictError, match="run"):
        tracking.log_params(run_id, {"training": {"epochs": 4}})


def test_more_parameters_than_one_request_takes_are_logged(run_id: str) -> None:
    tracking.log_params(run_id, {f"p{index}": index for index in range(250)})
    assert len(_run(run_id).data.params) == 250


def test_epochs_are_a_curve(run_id: str) -> None:
    for epoch, eer in enumerate([0.3, 0.2, 0.1]):
        tracking.log_epoch(run_id, epoch, {"train/dev_eer": eer})
    history = connect(settings()).get_metric_history(run_id, "train/dev_eer")
    assert [(point.step, point.value) for point in history] == [(0, 0.3), (1, 0.2), (2, 0.1)]


def test_of_a_report_the_numbers_are_metrics(run_id: str) -> None:
    report = {"pooled": {"eer": 0.25, "min_tdcf": None}, "trials": {"spoof": 9}, "note": "x"}
    tracking.log_metrics(run_id, report)
    assert _run(run_id).data.metrics == {"pooled.eer": 0.25, "trials.spoof": 9.0}


def test_documents_and_files_are_kept(run_id: str, tmp_path: Path) -> None:
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "det.svg").write_text("<svg/>")
    tracking.log_document(run_id, "verdict.json", {"promote": True})
    tracking.log_artifacts(run_id, tmp_path / "plots", "plots")
    tracking.log_artifacts(run_id, tmp_path / "plots" / "det.svg")
    folder = settings().state_dir / "artifacts" / run_id / "artifacts"
    assert json.loads((folder / "verdict.json").read_text()) == {"promote": True}
    assert (folder / "plots" / "det.svg").read_text() == "<svg/>"
    assert (folder / "det.svg").is_file()
    with pytest.raises(AbsentError, match="nothing is there"):
        tracking.log_artifacts(run_id, tmp_path / "absent")


def test_a_run_names_the_dataset_it_has_seen(run_id: str) -> None:
    revision = "0123456789abcdef0123456789abcdef01234567"
    for _ in range(2):  # a retry adds nothing
        tracking.log_dataset(run_id, "datasets", revision, "/state/datasets", "training")
    (dataset_input,) = _run(run_id).inputs.dataset_inputs
    assert dataset_input.dataset.name == "datasets"
    assert revision.startswith(dataset_input.dataset.digest)
    assert json.loads(dataset_input.dataset.source)["revision"] == revision


def test_the_machine_is_watched_while_work_goes_on(run_id: str) -> None:
    with tracking.watch_system(run_id, every_s=0.1):
        time.sleep(1.0)
    assert "system/cpu_utilization_percentage" in _run(run_id).data.metrics


@pytest.mark.usefixtures("run_id")
def test_pickles_stay_shut_and_nothing_is_reported() -> None:
    from mlflow.telemetry.utils import is_telemetry_disabled

    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    assert is_telemetry_disabled()


@pytest.mark.usefixtures("state")
def test_an_unreachable_server_is_told_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTIPHON_MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    start = time.monotonic()
    with pytest.raises(UnreachableError, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        tracking.open_run("cycle-1", "candidate", {})
    assert time.monotonic() - start < 15
