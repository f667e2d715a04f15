"""Where torch computes is read as every other setting is."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.candidate.devices import device_here
from flows.candidate.processes import processes
from infra.settings import settings
from models.errors import InputError


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("ANTIPHON_DEVICE", "ANTIPHON_TRAINING_PROCESSES", "RANK"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environment", "file"), [(None, "cpu"), ("", "cpu"), ("cpu", "cuda"), ("cpu", None)]
)
def test_the_env_file_is_read_and_the_environment_wins(
    environment: str | None, file: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if environment is not None:
        monkeypatch.setenv("ANTIPHON_DEVICE", environment)
    if file is not None:
        Path(".env").write_text(f"ANTIPHON_DEVICE={file}\n")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)  # so `auto` would be a GPU
    assert device_here() == settings().device == "cpu"


def test_processes_are_read_from_the_env_file_too() -> None:
    assert processes() == 1
    Path(".env").write_text("ANTIPHON_TRAINING_PROCESSES=3\n")
    assert processes() == 3 == int(settings().training_processes)


def test_an_unknown_device_is_refused_in_one_sentence() -> None:
    Path(".env").write_text("ANTIPHON_DEVICE=tpu\n")
    with pytest.raises(InputError, match="ANTIPHON_DEVICE: one of auto, cpu, cuda expected, found"):
        device_here()
