"""A container image and a cycle's workspace hold neither flows/lab nor flows/demo."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("flows", "models", "serving", "monitoring", "infra")
COMMANDS = {
    "bakeoff": ["--protocol", "antiphon", "--root", ".", "--detectors", "aasist", "--budget", "1"],
    "corpus": ["fetch", "demo"],
    "tune": ["--protocol", "antiphon", "--root", "."],
}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages without research."""
    folder = tmp_path_factory.mktemp("installation")
    for package in PACKAGES:
        ignore = shutil.ignore_patterns("__pycache__", "lab", "demo")
        shutil.copytree(PROJECT / package, folder / package, ignore=ignore)
    (folder / "params.yaml").write_text("detector: {name: aasist}\n")
    return folder


def run(installation: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=installation, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_the_command_line_starts(installation: Path) -> None:
    done = run(installation, "flows.cli", "--help")
    assert done.returncode == 0
    assert "retrain" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_research_says_what_is_missing(installation: Path, command: str) -> None:
    done = run(installation, "flows.cli", command, *COMMANDS[command])
    room = "flows.demo" if command == "corpus" else "flows.lab"
    assert done.returncode == 2
    assert done.stderr.strip() == (
        f"antiphon: {room} is not part of this installation; a checkout of antiphon has it"
    )


@pytest.mark.parametrize(
    ("stage", "complaint"),
    [
        ("prepare", "data: no corpus here"),
        ("train", "packed clips expected there"),
        ("evaluate", "packed clips expected there"),
    ],
)
def test_a_stage_starts(installation: Path, stage: str, complaint: str) -> None:
    done = run(installation, "flows.stages", stage)
    assert done.returncode == 2
    (sentence,) = done.stderr.splitlines()
    assert complaint in sentence
