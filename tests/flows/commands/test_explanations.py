"""`antiphon explain` from a detector folder to pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner

from flows.cli import app
from models.detectors import build_detector
from models.errors import InputError
from models.packaging.checkpoint import save_detector
from models.params.window import WindowParams

NARROW = {"widths": [4, 4, 8, 8], "graph_dims": [8, 8], "sinc_filters": 24, "sinc_length": 33}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a detector and a recording."""
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(1)
    window = WindowParams(samples=9_600, hop=9_600)
    save_detector(build_detector("aasist", NARROW), tmp_path / "detector", window)
    recorded = 0.1 * np.random.default_rng(0).standard_normal(24_000)
    soundfile.write(tmp_path / "call.wav", recorded, 16_000)
    return tmp_path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["explain", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_a_recording_is_drawn_and_its_window_said(here: Path) -> None:
    output = run("call.wav", "--detector", "detector", "--method", "grad-cam", "--at", "1.4")
    assert output.startswith("0.90–1.50 s of 1.50 s (the window around 1.4 s): cm_score")
    assert "call.explained/grad-cam.png" in output
    assert {path.name for path in (here / "call.explained").iterdir()} == {
        "explanation.json", "grad-cam.npz", "grad-cam.png",
    }  # fmt: skip


def test_features_are_compared_with_a_folder_of_recordings(here: Path) -> None:
    (here / "others").mkdir()
    rng = np.random.default_rng(4)
    for index in range(60):
        noise = rng.uniform(0.01, 0.2) * rng.standard_normal(9_600)
        soundfile.write(here / "others" / f"{index}.wav", noise, 16_000)
    run(
        "call.wav", "--detector", "detector", "--method", "acoustic-shapley",
        "--background", "others", "--out", "why",
    )  # fmt: skip
    document = json.loads((here / "why" / "explanation.json").read_text())
    figures = document["explanations"]["acoustic-shapley"]["figures"]
    assert figures["files"] == 60
    assert figures["surrogate"] == pytest.approx(document["cm_score"], abs=2.0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["none.wav", "--detector", "detector"], r"none.wav: no such file"),
        (["short.wav", "--detector", "detector"], r"short.wav: too short, at least 0.1 s"),
        (["call.wav", "--detector", "nowhere"], r"nowhere: not a detector folder"),
        (["call.wav", "--detector", "detector", "--method", "lime"], "no explanation named 'lime'"),
        (["call.wav", "--detector", "detector", "--out", "."], r"no explanation\.json"),
        (["call.wav", "--detector", "detector", "--at", "2"], "within the 1.50 s .* found 2 s"),
        (["call.wav", "--detector", "detector", "--background", "none"], "a folder of recordings"),
    ],
)
def test_what_cannot_be_explained_is_said_in_one_sentence(
    here: Path, arguments: list[str], sentence: str
) -> None:
    soundfile.write(here / "short.wav", np.full(800, 0.1), 16_000)
    with pytest.raises(InputError, match=sentence):
        CliRunner().invoke(app, ["explain", *arguments], catch_exceptions=False)
