"""What the settings name is what is taken, whatever lay here before."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.commands.scores import params_here
from flows.places import fetch_champion, fetch_version
from infra import registry, tracking
from models.errors import InputError
from models.files.manifest import Manifest, read_manifest, write_manifest


def win(folder: Path, detector: str) -> None:
    """Make a folder with a manifest the champion of the registry that is set."""
    folder.mkdir()
    write_manifest(folder, Manifest(detector))
    version = registry.register(folder, tracking.open_run(folder.name, "run", {}), {})
    registry.set_champion(version.version, expected=None)


def test_equal_numbers_of_two_registries_are_two_detectors(
    mlflow_state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    win(mlflow_state / "one", "aasist")
    assert fetch_champion() is not None
    monkeypatch.setenv("ANTIPHON_REGISTERED_MODEL", "other")
    win(mlflow_state / "two", "lcnn")
    champion = fetch_champion()
    assert champion is not None
    assert champion.version == 1
    assert read_manifest(champion.folder).detector == "lcnn"
    assert fetch_version(1) == (champion.folder, 1)


def test_a_command_goes_by_the_params_that_the_settings_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert params_here().promotion.level == 0.05
    Path("params.yaml").write_text("promotion: {level: 0.04}\n")
    assert params_here().promotion.level == 0.04
    Path("mine.yaml").write_text("promotion: {level: 0.03}\n")
    monkeypatch.setenv("ANTIPHON_PARAMS_FILE", "mine.yaml")
    assert params_here().promotion.level == 0.03
    assert params_here(Path("params.yaml")).promotion.level == 0.04
    monkeypatch.setenv("ANTIPHON_PARAMS_FILE", "gone.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        params_here()


def test_params_that_are_no_text_are_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes(b"promotion: \xff")
    with pytest.raises(InputError, match=r"params\.yaml: text in UTF-8 expected"):
        params_here(tmp_path / "params.yaml")
