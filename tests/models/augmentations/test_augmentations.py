"""What every effect promises."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.augmentations import AUGMENTATIONS, build_augmentations
from models.augmentations.codec import CODECS
from models.errors import InputError
from models.params.augmentation import AugmentationAudioParams

PAGE = Path(__file__).resolve().parents[3] / "docs" / "augmentations.md"
IDLE = 1e-3  # of full scale: A-law has no zero, and a modelled voice hums a little
Waveform = NDArray[np.float32]


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_same_seed_gives_the_same_channel(name: str, voice: Waveform) -> None:
    effect = AUGMENTATIONS[name]
    first, again = (effect(voice, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, effect(voice, np.random.default_rng(4)))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_shape_and_type_stay_and_the_input_is_not_written(name: str, voice: Waveform) -> None:
    before = voice.copy()
    for seed in range(12):
        out = AUGMENTATIONS[name](voice, np.random.default_rng(seed))
        assert out.shape == voice.shape
        assert out.dtype == np.float32
        assert np.abs(out).max() <= 1.0  # nan is not
    assert np.array_equal(voice, before)


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("samples", [8_000, 9_973])  # the shortest crop, and a prime
def test_silence_stays_silent(name: str, samples: int) -> None:
    silence = np.zeros(samples, np.float32)
    out = AUGMENTATIONS[name](silence, np.random.default_rng(1))
    assert out.shape == silence.shape
    assert np.abs(out).max() < IDLE


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_square_wave_at_full_scale_is_borne(name: str) -> None:
    loudest = np.where(np.arange(16_000) // 80 % 2, 1.0, -1.0).astype(np.float32)
    out = AUGMENTATIONS[name](loudest, np.random.default_rng(2))
    assert np.abs(out).max() <= 1.0
    assert out.any()


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_an_effect_can_be_sent_to_another_process(name: str, voice: Waveform) -> None:
    sent = pickle.loads(pickle.dumps(AUGMENTATIONS[name]))  # our own bytes
    out = [effect(voice, np.random.default_rng(5)) for effect in (AUGMENTATIONS[name], sent)]
    assert np.array_equal(*out)


def test_a_clip_meets_the_room_before_the_line_whatever_the_order_of_the_params() -> None:
    built = build_augmentations(
        ["time_mask", "packet_loss", "codec", "gain", "background", "room"],
        AugmentationAudioParams(),
    )
    order = ["room", "background", "gain", "codec", "packet_loss", "time_mask"]
    assert list(built) == order


def test_an_unknown_effect_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"'echo'; known: silence_trimming, .* frequency_mask"):
        build_augmentations(["gain", "echo"], AugmentationAudioParams())


def test_the_page_has_a_row_for_every_effect_in_their_order_and_names_every_codec() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    assert [name for name in rows if name in AUGMENTATIONS] == list(AUGMENTATIONS)
    assert [name for name in CODECS if f"`{name}`" not in text] == []
