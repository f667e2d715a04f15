from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner

from flows.cli import app
from models.data.clips import Clips
from models.detectors import build_detector
from models.files.manifest import read_manifest
from models.params.tree import read_params
from models.training.scoring import score_clips
from models.trials import Trial
from tests.tolerances import rounding


@pytest.mark.slow
def test_published_weights_hear_as_params_say_and_torch_agrees(tmp_path: Path) -> None:
    torch.manual_seed(1)
    detector = build_detector("cnn-lstm").eval()
    torch.save(detector.state_dict(), tmp_path / "published.pth")
    (tmp_path / "params.yaml").write_text(
        "window: {samples: 8000, hop: 8000, spectral_subtraction: 4.0}\n"
    )
    noise = np.random.default_rng(1).standard_normal(12_000)
    hum = 0.3 * np.sin(np.arange(12_000) * 0.1) * (np.arange(12_000) % 4_000 > 1_500)
    soundfile.write(tmp_path / "hum.wav", hum + 0.05 * noise, 16_000)
    imported = [
        "import-weights", "--detector", "cnn-lstm", "--weights", str(tmp_path / "published.pth"),
        "--out", str(tmp_path / "detector"), "--params", str(tmp_path / "params.yaml"),
    ]  # fmt: skip
    assert CliRunner().invoke(app, imported, catch_exceptions=False).exit_code == 0
    window = read_params(tmp_path / "params.yaml").window
    assert read_manifest(tmp_path / "detector").window == window

    audio, folder = str(tmp_path / "hum.wav"), str(tmp_path / "detector")
    arguments = ["score", audio, "--weights", folder, "--json"]
    answer = json.loads(CliRunner().invoke(app, arguments, catch_exceptions=False).stdout)
    waveform, _ = soundfile.read(tmp_path / "hum.wav", dtype="float32")
    clips = Clips.from_arrays([Trial("hum", tmp_path / "hum.wav", None)], [waveform])
    (expected,) = score_clips(detector, clips, window).cm_scores
    (plain,) = score_clips(detector, clips, type(window)(8_000, 8_000)).cm_scores
    assert answer["cm_score"] == pytest.approx(expected, abs=rounding(64, abs(expected)))
    assert abs(expected - plain) > 2e-4
