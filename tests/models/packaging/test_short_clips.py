"""A clip with a window of its own: one score by torch and by its graph on every runtime."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.audio.reading import read_audio
from models.data.clips import Clips
from models.detectors import build_detector, cm_score
from models.detectors.detector import Detector
from models.errors import InputError
from models.files.manifest import Manifest, read_manifest, write_manifest
from models.packaging.checkpoint import load_detector, save_detector
from models.packaging.export import export_detector
from models.packaging.runtime import RUNTIMES, ExportedDetector, golden_tolerance
from models.params.tree import params_from_mapping
from models.params.window import WindowParams
from models.training.scoring import score_clips
from models.trials import Trial

OWN = WindowParams(samples=64_600, hop=32_300, short="own")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small detector that was exported, with windows of their own for short clips."""
    folder = tmp_path_factory.mktemp("own") / "detector"
    torch.manual_seed(3)
    detector = build_detector("cnn-lstm", {"form": "cnn"})
    save_detector(detector.eval(), folder, OWN)
    export_detector(folder)
    return folder


def voice(samples: int) -> np.ndarray:
    time = np.arange(samples) / 16_000
    tone = np.sin(2 * np.pi * 150 * time) * (np.sin(2 * np.pi * 3 * time) > 0)
    noise = np.random.default_rng(samples).standard_normal(samples)
    return (0.1 * tone + 0.02 * noise).astype(np.float32)


def alone(detector: Detector, waveform: np.ndarray) -> float:
    with torch.inference_mode():
        return cm_score(detector(torch.from_numpy(waveform)[None])).item()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_clip_of_any_length_scores_by_the_graph_as_by_torch(runtime: str, folder: Path) -> None:
    detector, exported = load_detector(folder), ExportedDetector.open(folder, runtime=runtime)
    exported.check_golden()
    for samples in (8_000, 19_200, 8_001, 40_000, 64_599, 100_000):
        waveform = voice(samples)
        clips = Clips.from_arrays([Trial("u", Path("u"), None)], [waveform])
        waveform = clips.waveform(0)
        by_torch = score_clips(detector, clips, OWN).cm_scores[0]
        bound = golden_tolerance(np.array([by_torch], np.float32))
        assert exported.score(waveform).cm_score == pytest.approx(by_torch, abs=bound)
        if samples <= OWN.samples:
            assert by_torch == pytest.approx(alone(detector, waveform), abs=bound)


def test_real_speech_of_a_second_scores_by_the_graph_as_by_torch(
    shared: Path, folder: Path
) -> None:
    file = min(
        (shared / "corpus" / "bonafide").rglob("*.flac"), key=lambda path: path.stat().st_size
    )
    waveform = read_audio(file)
    assert waveform.size < OWN.samples
    by_torch = alone(load_detector(folder), waveform)
    bound = golden_tolerance(np.array([by_torch], np.float32))
    by_graph = ExportedDetector.open(folder).score(waveform).cm_score
    assert by_graph == pytest.approx(by_torch, abs=bound)
    tiled = replace(OWN, short="tile")
    clips = Clips.from_arrays([Trial("u", file, None)], [waveform])
    assert abs(score_clips(load_detector(folder), clips, tiled).cm_scores[0] - by_torch) > bound


def test_what_a_short_clip_becomes_travels_with_the_detector(tmp_path: Path) -> None:
    write_manifest(tmp_path, Manifest("aasist", {}, OWN))
    assert read_manifest(tmp_path).window == OWN


def test_another_word_for_short_clips_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="window: short: one of tile, own expected, found 'pad'"):
        params_from_mapping({"window": {"short": "pad"}})


def test_compiled_steps_are_refused_with_crops_of_many_lengths() -> None:
    with pytest.raises(InputError, match=r"training\.compile: false expected with window\.short"):
        params_from_mapping({"window": {"short": "own"}, "training": {"compile": True}})
