from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.augmentations import AUGMENTATIONS
from models.augmentations.processing.shoebox import SPEED_OF_SOUND, Shoebox, draw_shoebox
from models.augmentations.room import from_direct_sound, reverberate
from tests.tolerances import rounding

Waveform = NDArray[np.float32]
STAGES = 16  # of a Fourier transform of up to 2^16 samples; a room takes three


def office(reverberation_s: float) -> Shoebox:
    size, source, microphone = ([6.0, 4.5, 3.0], [1.5, 1.2, 1.6], [4.1, 3.0, 1.1])
    return Shoebox(np.array(size), np.array(source), np.array(microphone), reverberation_s)


def decay_s(response: Waveform) -> float:
    """Seconds until sound has fallen by 60 dB, from the fall between 5 and 20 dB (Schroeder)."""
    remaining = np.cumsum(np.square(response[::-1], dtype=np.float64))[::-1]
    levels = 10 * np.log10(remaining / remaining[0] + 1e-30)
    at = np.flatnonzero((levels < -5) & (levels > -20))
    slope = np.polyfit(at / 16_000, levels[at], 1)[0]
    return float(-60 / slope)


@pytest.mark.parametrize("wanted", [0.15, 0.25, 0.4])
def test_sound_dies_away_in_the_time_that_was_asked(wanted: float) -> None:
    assert decay_s(office(wanted).impulse_response()) == pytest.approx(wanted, rel=0.3)


def test_the_first_reflections_come_from_the_nearest_mirrors() -> None:
    room = office(0.3)
    response = room.impulse_response()
    direct = np.linalg.norm(room.source - room.microphone)
    floor = room.source * [1, 1, -1]
    mirrored = np.linalg.norm(floor - room.microphone)
    delay = round((mirrored - direct) / SPEED_OF_SOUND * 16_000)
    assert response[0] == pytest.approx(1.0)
    assert response[delay] == pytest.approx(-room.reflection * direct / mirrored, rel=0.02)
    assert not response[1 : delay - 1].any()  # the floor is the nearest wall


def test_rooms_are_drawn_with_people_inside_and_apart() -> None:
    for seed in range(300):
        room = draw_shoebox(np.random.default_rng(seed))
        for place in (room.source, room.microphone):
            assert (place > 0.25).all()
            assert (place < room.size - 0.25).all()
        assert np.linalg.norm(room.source - room.microphone) >= 0.3
        assert 0.0 < room.reflection < 1.0


def test_a_room_keeps_level_and_place_in_time(voice: Waveform) -> None:
    reverberated = AUGMENTATIONS["room"](voice, np.random.default_rng(3))
    assert np.square(reverberated).mean() == pytest.approx(np.square(voice).mean(), rel=0.02)
    click = np.zeros(8000, np.float32)
    click[1000] = 0.5
    echoes = AUGMENTATIONS["room"](click, np.random.default_rng(3))
    assert np.argmax(np.abs(echoes)) == 1000
    assert np.abs(echoes[:1000]).max() < rounding(3 * STAGES, 0.5)
    assert np.abs(echoes[1001:4000]).max() > 1e-3


def test_a_room_of_one_tap_changes_nothing(voice: Waveform) -> None:
    reverberated = reverberate(voice, np.array([0.3], np.float32))
    np.testing.assert_allclose(reverberated, voice, rtol=0, atol=rounding(3 * STAGES, 0.3))


def test_a_measured_response_begins_with_its_direct_sound() -> None:
    response = np.zeros(40_000, np.float32)
    response[[500, 900]] = -1.0, 0.5
    direct = from_direct_sound(response)
    assert direct[0] == -1.0
    assert direct[400] == 0.5
    assert direct.size == 16_000
