from __future__ import annotations

import numpy as np
import pytest

from models.augmentations import AUGMENTATIONS

TONE = (0.3 * np.sin(np.arange(16_000) * 0.05)).astype(np.float32)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_same_seed_gives_the_same_channel(name: str) -> None:
    effect = AUGMENTATIONS[name]
    first, again = (effect(TONE, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, effect(TONE, np.random.default_rng(4)))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_shape_and_type_stay_and_the_input_is_not_written(name: str) -> None:
    before = TONE.copy()
    for seed in range(20):
        out = AUGMENTATIONS[name](TONE, np.random.default_rng(seed))
        assert out.shape == TONE.shape
        assert out.dtype == np.float32
        assert np.abs(out).max() <= 1.0
    assert np.array_equal(TONE, before)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_silence_stays_silent(name: str) -> None:
    silence = np.zeros(1000, np.float32)
    assert not AUGMENTATIONS[name](silence, np.random.default_rng(1)).any()


def test_white_noise_keeps_within_its_range_of_snr() -> None:
    snrs = []
    for seed in range(50):
        noise = AUGMENTATIONS["white_noise"](TONE, np.random.default_rng(seed)) - TONE
        snrs.append(10 * np.log10(np.mean(TONE**2) / np.mean(noise**2)))
    assert 14.5 < min(snrs) < 20
    assert 40 < max(snrs) < 45.5


def test_gain_makes_louder_and_softer() -> None:
    peaks = [AUGMENTATIONS["gain"](TONE, np.random.default_rng(s)).max() / 0.3 for s in range(50)]
    assert min(peaks) < 0.4
    assert max(peaks) > 2.0
