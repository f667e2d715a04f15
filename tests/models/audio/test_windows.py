from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from models.audio.spectral_subtraction import subtract_noise
from models.audio.windows import aggregate, as_heard, cut_windows
from models.data.clips import Clips
from models.detectors import cm_score
from models.errors import InputError
from models.files.manifest import MANIFEST, Manifest, read_manifest, write_manifest
from models.params.tree import Params, params_from_mapping
from models.params.window import WindowParams
from models.training.sampling import Sampler
from models.training.scoring import score_clips
from tests.small import SmallWindow
from tests.tolerances import assert_equal_but_for_rounding, in_float64

PLAIN = SmallWindow()
CLEANING = replace(PLAIN, spectral_subtraction=4.0, spectral_floor=0.05)


@pytest.fixture
def hum() -> NDArray[np.float32]:
    """A tone that comes and goes in noise."""
    time = np.arange(2_000)
    tone = np.sin(time * 0.3) * (np.sin(time * 0.005) > 0)
    return (0.1 * tone + 0.02 * np.random.default_rng(1).standard_normal(2_000)).astype(np.float32)


def test_each_window_is_cleaned_by_itself(hum: NDArray[np.float32]) -> None:
    plain, cleaned = cut_windows(hum, PLAIN), cut_windows(hum, CLEANING)
    assert cleaned.shape == plain.shape
    expected = np.stack([subtract_noise(crop, 4.0, 0.05) for crop in plain])
    assert np.array_equal(cleaned, expected)
    assert np.square(cleaned - plain).mean() > 1e-5
    # so the first window is the same whether or not the rest was read
    assert np.array_equal(cut_windows(hum[:600], CLEANING)[0], cleaned[0])


def test_nothing_is_cleaned_by_default(hum: NDArray[np.float32]) -> None:
    assert as_heard(hum, WindowParams()) is hum
    assert np.array_equal(cut_windows(hum, PLAIN)[0], hum[:600])


def test_a_short_recording_is_cleaned_as_it_is_heard_repeated(hum: NDArray[np.float32]) -> None:
    (window,) = cut_windows(hum[:250], CLEANING)
    assert np.array_equal(window, subtract_noise(np.tile(hum[:250], 3)[:600], 4.0, 0.05))


def test_a_short_recording_is_its_own_window_from_half_a_second_where_asked() -> None:
    own = WindowParams(samples=64_600, short="own")
    noise = np.random.default_rng(2).standard_normal(100_000).astype(np.float32)
    for samples in (8_000, 19_200, 64_599, 64_600):
        assert np.array_equal(cut_windows(noise[:samples], own), noise[None, :samples])
    assert np.array_equal(cut_windows(noise[:3_000], own)[0], np.tile(noise[:3_000], 3)[:8_000])
    assert np.array_equal(cut_windows(noise, own), cut_windows(noise, WindowParams()))
    assert cut_windows(noise[:19_200], WindowParams()).shape == (1, 64_600)


def test_torch_scores_what_was_cleaned(trained_detector: nn.Module, dev_clips: Clips) -> None:
    scores = score_clips(trained_detector, dev_clips, CLEANING).cm_scores

    def scored(detector: nn.Module, dtype: torch.dtype) -> list[float]:
        windows = [cut_windows(dev_clips.waveform(n), CLEANING) for n in range(len(dev_clips))]
        with torch.inference_mode():
            answers = [cm_score(detector(torch.from_numpy(rows).to(dtype))) for rows in windows]
        return [aggregate(answer.double().numpy(), CLEANING) for answer in answers]

    assert_equal_but_for_rounding(
        scores,
        scored(trained_detector, torch.float32),
        scored(in_float64(trained_detector), torch.float64),
    )
    plain = score_clips(trained_detector, dev_clips, PLAIN).cm_scores
    assert np.abs(scores - plain).min() > 1e-3


def test_training_hears_its_crops_as_the_detector_will(
    train_clips: Clips, tiny_params: Params
) -> None:
    arguments = (
        train_clips,
        tiny_params.training,
        {"white_noise": 1.0},
        Params().augmentation_audio,
    )
    plain, labels = Sampler(*arguments).batch(3)
    cleaned, same = Sampler(*arguments, CLEANING).batch(3)
    assert np.array_equal(labels, same)
    # after the augmentations: a line comes before whoever cleans what it carried
    assert np.array_equal(cleaned, np.stack([as_heard(crop, CLEANING) for crop in plain]))


def test_cleaning_travels_with_the_detector_and_older_folders_have_none(tmp_path: Path) -> None:
    cleaning = WindowParams(spectral_subtraction=4.0, spectral_floor=0.05)
    write_manifest(tmp_path, Manifest("aasist", {}, cleaning))
    assert read_manifest(tmp_path).window == cleaning
    document = json.loads((tmp_path / MANIFEST).read_text())
    document["window"] = {"samples": 64_600, "hop": 32_300, "aggregate": "mean"}
    (tmp_path / MANIFEST).write_text(json.dumps(document))
    assert read_manifest(tmp_path).window == WindowParams()


@pytest.mark.parametrize(
    ("name", "value"), [("spectral_subtraction", -1.0), ("spectral_floor", 1.5)]
)
def test_what_cannot_be_subtracted_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(InputError, match=rf"window\.{name}: 0 to \d+ expected, found {value}"):
        params_from_mapping({"window": {name: value}})
