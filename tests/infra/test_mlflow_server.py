"""The same registry and runs through a real MLflow server with artifacts on S3."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pytest

from infra import registry, tracking
from infra.errors import AbsentError, ConflictError, UnreachableError
from infra.settings import settings
from infra.storage import open_store


class Stoppable(Protocol):
    """What this test needs of the server."""

    def stop(self) -> None:
        """End it."""


@pytest.mark.slow
def test_a_version_travels_through_a_server_and_s3_and_an_outage_is_one(
    mlflow_server: Stoppable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert registry.champion() is None
    detector = tmp_path / "detector"
    detector.mkdir()
    (detector / "manifest.json").write_text("{}")
    (detector / "weights.safetensors").write_bytes(b"w" * 100_000)

    run_ids = [tracking.open_run(key, key, {}) for key in ("a", "b")]
    assert tracking.open_run("a", "a", {}) == run_ids[0]
    tracking.log_params(run_ids[0], {"training": {"epochs": 3}})
    with pytest.raises(ConflictError):
        tracking.log_params(run_ids[0], {"training": {"epochs": 4}})
    tracking.log_epoch(run_ids[0], 0, {"dev_eer": 0.2})
    tracking.log_document(run_ids[0], "verdict.json", {"promote": True})
    tracking.log_dataset(run_ids[0], "datasets", "0" * 40, "/datasets", "training")
    tracking.close_run(run_ids[0])

    first, second = (registry.register(detector, run_id, {"k": "v"}) for run_id in run_ids)
    assert (first.version, second.version) == (1, 2)
    assert registry.register(detector, run_ids[0], {}) == first
    registry.set_champion(1, expected=None)
    registry.set_champion(2, expected=1)
    assert registry.champion() == second
    assert registry.rollback() == first
    with pytest.raises(ConflictError):
        registry.set_champion(2, expected=2)
    with pytest.raises(AbsentError, match="no version 9"):
        registry.version(9)

    monkeypatch.setenv("ANTIPHON_OBJECT_STORE", "s3://antiphon/mlflow")
    keys = open_store(settings()).list()
    assert any(key.endswith("/detector/weights.safetensors") for key in keys)
    fetched = registry.fetch(1, tmp_path / "cache" / "1")
    assert (fetched / "weights.safetensors").read_bytes() == b"w" * 100_000

    mlflow_server.stop()
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    with pytest.raises(UnreachableError, match="cannot be reached"):
        registry.champion()
    with pytest.raises(UnreachableError, match="cannot be reached"):
        registry.fetch(2, tmp_path / "cache" / "2")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["1"]


@pytest.mark.usefixtures("mlflow_state", "s3")
def test_artifacts_go_straight_to_s3_where_the_setting_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTIPHON_ARTIFACT_ROOT", "s3://antiphon/runs")
    (tmp_path / "manifest.json").write_text("{}")
    version = registry.register(tmp_path, tracking.open_run("a", "a", {}), {})
    assert version.source.startswith("s3://antiphon/runs/")
    fetched = registry.fetch(version.version, tmp_path / "cache")
    assert (fetched / "manifest.json").read_text() == "{}"
