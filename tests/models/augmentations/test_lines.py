"""Levels, bands, losses and masks."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.augmentations import AUGMENTATIONS
from models.augmentations.frequency_mask import draw_bands
from models.augmentations.loudness import integrated_loudness
from models.augmentations.packet_loss import PACKET, draw_losses
from models.augmentations.time_mask import draw_stretches

Waveform = NDArray[np.float32]
RATE = 16_000


def level_db(waveform: Waveform, low: float, high: float) -> float:
    """Power between two frequencies, in dB."""
    powers = np.abs(np.fft.rfft(waveform * np.hanning(waveform.size))) ** 2
    hertz = np.fft.rfftfreq(waveform.size, 1 / RATE)
    return float(10 * np.log10(powers[(hertz >= low) & (hertz < high)].sum() + 1e-30))


def attenuation_db(before: Waveform, after: Waveform, low: float, high: float) -> float:
    return level_db(before, low, high) - level_db(after, low, high)


def test_gain_makes_louder_and_softer(tone: Waveform) -> None:
    peaks = [AUGMENTATIONS["gain"](tone, np.random.default_rng(s)).max() / 0.1 for s in range(50)]
    assert min(peaks) < 0.4
    assert max(peaks) > 2.0


def test_a_tone_of_full_scale_has_the_loudness_of_the_standard() -> None:
    """BS.1770: 997 Hz at 0 dBFS in one channel reads -3.01 LKFS."""
    tone = np.sin(2 * np.pi * 997 * np.arange(4 * RATE) / RATE).astype(np.float32)
    assert integrated_loudness(tone) == pytest.approx(-3.01, abs=0.05)
    assert integrated_loudness(tone / 10) == pytest.approx(-23.01, abs=0.05)


def test_pauses_do_not_make_speech_quieter(voice: Waveform) -> None:
    alone = integrated_loudness(voice)
    paused = integrated_loudness(np.concatenate([voice, np.zeros(4 * RATE, np.float32)]))
    assert paused == pytest.approx(alone, abs=0.7)


def test_a_clip_gets_the_loudness_that_was_drawn(voice: Waveform) -> None:
    for seed in range(10):
        drawn = np.random.default_rng(seed).uniform(-33.0, -14.0)
        out = AUGMENTATIONS["loudness"](voice, np.random.default_rng(seed))
        assert integrated_loudness(out) == pytest.approx(drawn, abs=0.5)


def test_clipping_flattens_the_peaks_at_the_old_peak(voice: Waveform) -> None:
    for seed in range(10):
        out = AUGMENTATIONS["clipping"](voice, np.random.default_rng(seed))
        over_db = np.random.default_rng(seed).uniform(2.0, 14.0)
        above = np.abs(voice) >= np.abs(voice).max() * 10 ** (-over_db / 20)
        assert np.abs(out).max() == pytest.approx(np.abs(voice).max())
        assert np.array_equal(np.abs(out) == np.abs(out).max(), above)


def test_a_telephone_line_lets_through_its_band_alone(hiss: Waveform) -> None:
    for seed in range(10):
        rng = np.random.default_rng(seed)
        low, high = rng.uniform(150.0, 350.0), rng.uniform(3000.0, 3600.0)
        out = AUGMENTATIONS["telephone_band"](hiss, np.random.default_rng(seed))
        assert attenuation_db(hiss, out, high + 200, 8000) > 30
        assert attenuation_db(hiss, out, 0, max(low - 200, 1)) > 30
        assert attenuation_db(hiss, out, low, high) == pytest.approx(0.0, abs=0.5)


def test_resampling_ends_the_spectrum_at_half_the_rate(hiss: Waveform) -> None:
    for seed in range(12):
        rate = np.random.default_rng(seed).choice((6_000, 8_000, 11_025, 12_000, 14_000))
        out = AUGMENTATIONS["resampling"](hiss, np.random.default_rng(seed))
        assert attenuation_db(hiss, out, rate / 2 + 500, 8000) > 30
        assert attenuation_db(hiss, out, 100, 0.3 * rate) == pytest.approx(0.0, abs=0.5)


@pytest.mark.parametrize("name", ["telephone_band", "resampling", "frequency_mask"])
def test_a_filter_moves_nothing_in_time(name: str, voice: Waveform) -> None:
    for seed in range(4):
        out = AUGMENTATIONS[name](voice, np.random.default_rng(seed))
        likeness = np.correlate(out, voice[200:-200], "valid")
        assert np.argmax(likeness) == 200


def test_lost_packets_are_silent_or_repeated_and_the_others_untouched(hiss: Waveform) -> None:
    silent = repeated = 0
    before = hiss.reshape(-1, PACKET)
    for seed in range(12):
        after = AUGMENTATIONS["packet_loss"](hiss, np.random.default_rng(seed)).reshape(-1, PACKET)
        for number in np.flatnonzero((before != after).any(axis=1)):
            if not after[number].any():
                silent += 1
            else:
                assert np.array_equal(after[number], after[number - 1] * np.float32(0.5))
                repeated += 1
    assert silent
    assert repeated


@pytest.mark.parametrize(("share", "burst"), [(0.05, 1.0), (0.1, 3.0), (0.2, 4.0)])
def test_losses_have_the_share_and_the_bursts_that_were_asked(share: float, burst: float) -> None:
    lost = draw_losses(50_000, share, burst, np.random.default_rng(0))
    begins = np.count_nonzero(lost[1:] & ~lost[:-1])
    assert lost.mean() == pytest.approx(share, rel=0.15)
    assert lost.sum() / begins == pytest.approx(burst, rel=0.15)


def test_a_call_loses_one_packet_at_least() -> None:
    assert all(draw_losses(5, 0.01, 1.0, np.random.default_rng(s)).any() for s in range(50))


def test_a_time_mask_silences_the_stretches_that_were_drawn_and_no_more(hiss: Waveform) -> None:
    for seed in range(10):
        masked = np.zeros(hiss.size, np.bool_)
        for start, end in draw_stretches(hiss.size, np.random.default_rng(seed)):
            masked[start:end] = True
        out = AUGMENTATIONS["time_mask"](hiss, np.random.default_rng(seed))
        assert 0.005 < masked.mean() <= 0.30
        assert not out[masked].any()
        assert np.array_equal(out[~masked], hiss[~masked])


def test_a_frequency_mask_takes_the_bands_that_were_drawn_and_no_more(hiss: Waveform) -> None:
    for seed in range(10):
        bands = draw_bands(np.random.default_rng(seed))
        out = AUGMENTATIONS["frequency_mask"](hiss, np.random.default_rng(seed))
        for low, high in bands:
            assert attenuation_db(hiss, out, low, high) > 30
        for start in range(0, 8000, 400):
            if all(start + 200 < low or start - 100 > high for low, high in bands):
                assert attenuation_db(hiss, out, start, start + 100) == pytest.approx(0, abs=0.5)
