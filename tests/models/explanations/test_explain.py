"""One window of a recording explained, drawn and saved."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from models.detectors import Detector, cm_score
from models.errors import InputError
from models.explanations.explain import explain
from models.explanations.saving import SUMMARY, save
from models.params.window import WindowParams

WINDOW = WindowParams(samples=16_000, hop=8_000)


class LoudIsSpoof(Detector):
    """The louder a window, the more of a spoof."""

    name = "loud-is-spoof"

    @property
    def embedding_dim(self) -> int:
        return 1

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        level = waveforms.square().mean(dim=1, keepdim=True).add(1e-6).log()
        return level, torch.cat([level, -level], dim=1)


def recording(seconds: float = 3.0) -> NDArray[np.float32]:
    """Noise that is loudest in its third second."""
    time = np.arange(int(16_000 * seconds)) / 16_000
    loud = np.where((time >= 2) & (time < 3), 0.1, 0.01)
    return (loud * np.random.default_rng(3).standard_normal(time.size)).astype(np.float32)


def test_the_most_spoof_like_window_is_explained_unless_a_time_is_given() -> None:
    detector = LoudIsSpoof()
    explained = explain(detector, recording(4.0), WINDOW, ["occlusion"])
    assert (explained.window.start_s, explained.window.end_s) == (2.0, 3.0)
    assert explained.window.chosen == "the most spoof-like of 7 windows"
    assert explained.window.cm_score < explained.cm_score
    other = explain(detector, recording(4.0), WINDOW, ["occlusion"], at_s=0.4)
    assert (other.window.start_s, other.window.chosen) == (0.0, "the window around 0.4 s")
    with pytest.raises(InputError, match=r"within the 4.00 s of the recording .* found 4.5 s"):
        explain(detector, recording(4.0), WINDOW, at_s=4.5)


def test_a_short_recording_is_explained_once_and_not_in_its_repetitions() -> None:
    explained = explain(LoudIsSpoof(), recording(0.6), WINDOW, ["integrated-gradients"])
    assert (explained.window.end_s, explained.window.chosen) == (0.6, "all of it")
    assert explained.window.cm_score == explained.cm_score


def test_a_short_recording_with_a_window_of_its_own_is_explained_as_it_is_scored() -> None:
    own = WindowParams(samples=64_000, hop=8_000, short="own")
    sound = recording(2.6)
    explained = explain(LoudIsSpoof(), sound, own, ["integrated-gradients"])
    (alone,) = cm_score(LoudIsSpoof()(torch.from_numpy(sound)[None])).tolist()
    assert explained.cm_score == pytest.approx(alone, rel=1e-6)
    assert explained.window.end_s == 2.6
    assert explained.explanations.keys() == {"integrated-gradients"}


def test_what_is_explained_is_what_the_detector_heard() -> None:
    cleaned = WindowParams(samples=16_000, hop=8_000, spectral_subtraction=4.0)
    explained = explain(LoudIsSpoof(), recording(0.6), cleaned, ["occlusion"])
    assert len(explained.window.waveform) == 16_000
    plain = explain(LoudIsSpoof(), recording(0.6), WINDOW, ["occlusion"])
    assert explained.cm_score > plain.cm_score + 1


def test_an_unknown_method_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="no explanation named 'lime'; known: integrated-grad"):
        explain(LoudIsSpoof(), recording(), WINDOW, ["lime"])


def test_explanations_are_saved_and_the_reasons_of_absent_ones_too(tmp_path: Path) -> None:
    detector = LoudIsSpoof().train()
    names: list[str] = []
    explained = explain(detector, recording(), WINDOW, on_method=names.append)
    assert detector.training
    assert names[0] == "integrated-gradients"
    assert set(explained.absent) == {"grad-cam", "acoustic-shapley", "node-attention"}
    save(explained, tmp_path / "out", "noise.wav")
    summary = json.loads((tmp_path / "out" / SUMMARY).read_text())
    assert summary["window"]["start_s"] == 2.0
    assert summary["absent"]["grad-cam"].startswith("loud-is-spoof: it names no 2-D map")
    assert summary["explanations"]["occlusion"]["red"].startswith("without it")
    with np.load(tmp_path / "out" / "occlusion.npz") as data:
        assert data["values"].shape == (8, 10)
        assert (data["edges_s"][0], data["edges_s"][-1]) == (2.0, 3.0)
        assert data["edges_hz"][-1] == 8_000


def test_a_picture_shows_the_speech_in_grey_and_blame_in_red(tmp_path: Path) -> None:
    save(explain(LoudIsSpoof(), recording(), WINDOW), tmp_path / "out", "noise.wav")
    for path in sorted((tmp_path / "out").glob("*.png")):
        picture = np.asarray(Image.open(path).convert("RGB")).astype(int)
        assert picture.shape == (620, 900, 3)
        red = (picture[..., 0] - picture[..., 2] > 60).mean()
        assert red > 0.01
        assert path.stat().st_size < 300_000


def test_another_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    explained = explain(LoudIsSpoof(), recording(), WINDOW, ["occlusion"])
    with pytest.raises(InputError, match=r"holds other files and no explanation\.json"):
        save(explained, tmp_path / "out", "noise.wav")
    nothing = explain(LoudIsSpoof(), recording(), WINDOW, ["grad-cam"])
    with pytest.raises(InputError, match="loud-is-spoof: it names no 2-D map"):
        save(nothing, tmp_path / "new", "noise.wav")
    assert not (tmp_path / "new").exists()
