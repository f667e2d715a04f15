"""A state folder that is moved, copied or oddly called: MLflow's runs and versions."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from infra import registry, tracking
from infra.artifacts import fetch_artifacts
from infra.errors import SettingsError
from infra.settings import settings

ODD = "%41 #1 é %(home)s 50% \"x\" 'y'"


def detector(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(text)
    return folder


def registered(folder: Path, key: str) -> registry.ModelVersion:
    """A version with these files, and its run."""
    with tracking.running(key, key, {}) as run_id:
        tracking.log_artifacts(run_id, folder, "evaluation")
        return registry.register(folder, run_id, {})


def text_of(version: registry.ModelVersion, folder: Path) -> str:
    """The registered file, and the same one among the artifacts of the run."""
    fetched = (registry.fetch(version.version, folder / "version") / "manifest.json").read_text()
    assert version.run_id is not None
    logged = fetch_artifacts(version.run_id, "evaluation", folder / "run")
    assert (logged / "manifest.json").read_text() == fetched
    return fetched


@pytest.mark.parametrize("keep", [False, True], ids=["moved", "copied"])
def test_the_files_of_a_version_are_found_where_the_state_folder_is_now(
    mlflow_state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: bool
) -> None:
    old = registered(detector(tmp_path / "one", "one"), "first")
    elsewhere = tmp_path / "else" / ODD
    if keep:
        shutil.copytree(mlflow_state, elsewhere)
        before = {path for path in mlflow_state.rglob("*") if path.is_file()}
    else:
        elsewhere.parent.mkdir()
        mlflow_state.rename(elsewhere)
    monkeypatch.setenv("ANTIPHON_STATE_DIR", str(elsewhere))

    assert text_of(registry.version(old.version), tmp_path / "old") == "one"
    new = registered(detector(tmp_path / "two", "two"), "second")
    assert text_of(new, tmp_path / "new") == "two"
    assert {path.name for path in (elsewhere / "artifacts").iterdir()} == {old.run_id, new.run_id}
    if keep:
        assert {path for path in mlflow_state.rglob("*") if path.is_file()} == before
        monkeypatch.setenv("ANTIPHON_STATE_DIR", str(mlflow_state))
        assert text_of(registry.version(old.version), tmp_path / "again") == "one"


def test_artifacts_that_stay_where_they_are_are_not_renamed(
    mlflow_state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = registered(detector(tmp_path / "one", "one"), "first")
    monkeypatch.setenv("ANTIPHON_ARTIFACT_ROOT", str(tmp_path / "new-root"))
    assert text_of(registry.version(old.version), tmp_path / "old") == "one"
    assert (mlflow_state / "artifacts" / str(old.run_id)).is_dir()


def test_nothing_lands_outside_a_state_folder_with_an_odd_name(
    migrated_mlflow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / ODD
    state.mkdir()
    shutil.copy(migrated_mlflow, state / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANTIPHON_STATE_DIR", str(state))
    version = registered(detector(tmp_path / "one", "one"), "first")
    assert text_of(version, tmp_path / "out") == "one"
    assert {path.name for path in tmp_path.iterdir()} == {ODD, "one", "out"}


def test_a_question_mark_in_the_path_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTIPHON_STATE_DIR", "/srv/what?")
    with pytest.raises(SettingsError, match="ANTIPHON_STATE_DIR: a path without a question mark"):
        settings()
