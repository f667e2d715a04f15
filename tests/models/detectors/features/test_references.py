"""Features against torchaudio, and against signals of which one knows the answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchaudio
from torch import Tensor, nn

from models.detectors.features import build_feature
from models.detectors.features.constant_q import octave_kernels
from models.detectors.features.deltas import Deltas
from models.detectors.features.power_spectrum import PowerSpectrum
from models.detectors.features.wavelet_packets import daubechies, packet_filters
from tests.tolerances import EPS, assert_equal_but_for_rounding, in_float64, rounding

SPECTRUM = {"n_fft": 512, "win_length": 400, "hop_length": 160}
HALF_THE_DIGITS = float(np.finfo(np.float64).eps ** 0.5)  # roots that lie near cost the rest
BASELINE = {"n_fft": 1024, "win_length": 320, "hop_length": 160}


def assert_same_rows(feature: nn.Module, reference: nn.Module, waveforms: Tensor) -> None:
    """Both give the same rows but for the rounding of float32."""
    exact = in_float64(feature)(waveforms.double())
    assert_equal_but_for_rounding(reference(waveforms), feature(waveforms), exact)


class Log(nn.Module):
    """The logarithm of what a transform gives, above a floor."""

    def __init__(self, transform: nn.Module, floor: float) -> None:
        super().__init__()
        self.transform, self.floor = transform, floor

    def forward(self, waveforms: Tensor) -> Tensor:
        return torch.log(self.transform(waveforms) + self.floor)


def noise(batch: int = 2, samples: int = 9_000) -> Tensor:
    return 0.1 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(3))


def tone(hertz: float, samples: int = 16_000) -> Tensor:
    return 0.1 * torch.sin(2 * torch.pi * hertz / 16_000 * torch.arange(samples))[None]


@pytest.mark.parametrize(("frame", "hop", "fft"), [(400, 160, 512), (320, 160, 1024), (64, 50, 64)])
def test_powers_are_those_of_torchaudio(frame: int, hop: int, fft: int) -> None:
    expected = torchaudio.transforms.Spectrogram(fft, frame, hop)
    assert_same_rows(PowerSpectrum(frame, hop, fft), expected, noise())


def test_a_hamming_window_is_that_of_torch() -> None:
    expected = torchaudio.transforms.Spectrogram(**BASELINE, window_fn=torch.hamming_window)
    assert_same_rows(PowerSpectrum(320, 160, 1024, "hamming"), expected, noise())


def test_the_spectrogram_is_the_logarithm_of_powers() -> None:
    expected = Log(torchaudio.transforms.Spectrogram(**SPECTRUM), 1e-3)
    assert_same_rows(build_feature("spectrogram", {"floor": 1e-3}), expected, noise())


def test_mel_bands_are_those_of_torchaudio() -> None:
    powers = torchaudio.transforms.MelSpectrogram(**SPECTRUM, n_mels=80, f_max=7_000.0)
    assert_same_rows(build_feature("mel", {"highest_hz": 7_000}), Log(powers, 1e-6), noise())


def test_mfcc_and_lfcc_are_those_of_torchaudio() -> None:
    mfcc = torchaudio.transforms.MFCC(
        n_mfcc=20, log_mels=True, melkwargs={**SPECTRUM, "n_mels": 40}
    )
    assert_same_rows(build_feature("mfcc", {"deltas": False}), mfcc, noise())
    lfcc = torchaudio.transforms.LFCC(
        n_filter=20, n_lfcc=20, f_max=4_000.0, log_lf=True, speckwargs=BASELINE
    )
    assert_same_rows(build_feature("lfcc", {"deltas": False, "highest_hz": 4_000}), lfcc, noise())


@pytest.mark.parametrize("width", [3, 5, 9])
def test_deltas_are_those_of_torchaudio(width: int) -> None:
    rows = noise(2, 7 * 30).unflatten(1, (7, 30))
    first = torchaudio.functional.compute_deltas(rows, width)
    second = torchaudio.functional.compute_deltas(first, width)
    expected = torch.cat([rows, first, second], dim=1)
    deltas = Deltas(width)
    assert_equal_but_for_rounding(expected, deltas(rows), in_float64(deltas)(rows.double()))


def test_the_first_coefficient_may_be_the_energy_of_the_frame() -> None:
    powers = torchaudio.transforms.Spectrogram(**BASELINE)(noise())
    rows = build_feature("lfcc", {"energy": True})(noise())
    expected = torch.log(powers.sum(dim=1) / 1024 + 1e-6)
    # a relative error of all-positive sums, of a frame and of its bins, is one of the logarithm
    torch.testing.assert_close(rows[:, 0], expected, rtol=0, atol=rounding(320 + 513))


def test_pre_emphasis_takes_a_share_of_each_sample_off_the_next() -> None:
    emphasised = torchaudio.functional.preemphasis(noise(), 0.97)
    plain, emphasising = build_feature("lfcc"), build_feature("lfcc", {"pre_emphasis": 0.97})
    exact = in_float64(plain)(emphasised.double())
    assert_equal_but_for_rounding(emphasising(noise()), plain(emphasised), exact)


@pytest.mark.parametrize("row", [0, 30, 83])
def test_a_tone_is_loudest_in_the_bin_of_its_pitch(row: int) -> None:
    rows = build_feature("cqt")(tone(62.5 * 2 ** (row / 12)))
    assert (rows[0].mean(dim=1)).argmax() == row


def test_kernels_hear_noise_alike_and_their_own_pitch_best() -> None:
    kernels = octave_kernels(500.0, 12).astype(np.float64)
    cosines, sines = kernels.reshape(2, 12, -1)
    np.testing.assert_allclose((cosines**2 + sines**2).sum(axis=1), 1.0, atol=EPS)
    time = np.arange(cosines.shape[1]) - cosines.shape[1] // 2
    waves = np.exp(2j * np.pi * 500 / 16_000 * np.outer(2.0 ** (np.arange(12) / 12), time))
    magnitudes = np.abs((cosines - 1j * sines) @ waves.T)
    assert (magnitudes.argmax(axis=0) == np.arange(12)).all()


@pytest.mark.parametrize(
    ("hertz", "pitch_class"), [(440.0, 9), (880.0, 9), (261.63, 0), (311.1, 3)]
)
def test_a_tone_lies_in_its_pitch_class_whatever_the_octave(hertz: float, pitch_class: int) -> None:
    rows = build_feature("chroma")(tone(hertz))[0, :, 10:-10]
    assert (rows.argmax(dim=0) == pitch_class).all()
    assert rows.max() <= 1.0
    others = torch.cat([rows[:pitch_class], rows[pitch_class + 1 :]])
    assert others.mean() < 0.2


@pytest.mark.parametrize("moments", range(1, 11))
def test_a_daubechies_wavelet_is_orthogonal_and_has_its_vanishing_moments(moments: int) -> None:
    low = daubechies(moments)
    assert len(low) == 2 * moments
    for shift in range(moments):
        product = np.dot(low[2 * shift :], low[: len(low) - 2 * shift])
        assert product == pytest.approx(float(shift == 0), abs=HALF_THE_DIGITS)
    high = low[::-1] * (-1.0) ** np.arange(len(low))
    for moment in range(min(moments, 5)):
        assert np.dot(high, np.linspace(-1, 1, len(low)) ** moment) == pytest.approx(
            0, abs=HALF_THE_DIGITS
        )


def test_db2_is_as_published() -> None:
    root = np.sqrt(3)
    expected = np.array([1 + root, 3 + root, 3 - root, 1 - root]) / (4 * np.sqrt(2))
    np.testing.assert_allclose(daubechies(2), expected, atol=1e-12)


@pytest.mark.parametrize("level", [1, 3, 6])
def test_leaves_are_an_orthonormal_basis(level: int) -> None:
    leaves = packet_filters(4, level).astype(np.float64)
    stride = 2**level
    assert len(leaves) == stride
    for shift in range(0, leaves.shape[1], stride):
        product = leaves[:, shift:] @ leaves[:, : leaves.shape[1] - shift].T
        np.testing.assert_allclose(
            product, np.eye(stride) * (shift == 0), atol=rounding(leaves.shape[1])
        )


@pytest.mark.parametrize("band", [0, 1, 6, 15])
def test_a_tone_is_loudest_in_the_leaf_of_its_band(band: int) -> None:
    rows = build_feature("wavelet-packets", {"level": 4})(tone((band + 0.5) * 500))
    assert rows[0].mean(dim=1).argmax() == band


def test_the_leaves_have_the_energy_of_the_waveform() -> None:
    powers = build_feature("wavelet-packets")(noise(1, 64_000)).exp().mean(dim=2)
    assert powers.mean() == pytest.approx(0.01, rel=0.03)  # of 32 leaves, at a 32nd of the rate


def pulses(
    hertz: float, jitter: float = 0.0, shimmer: float = 0.0, samples: int = 24_000
) -> Tensor:
    """A pulse train through two resonances, its periods and peaks off by these shares (rms)."""
    random = np.random.default_rng(5)
    count = int(samples / 16_000 * hertz * 1.5)
    periods = 16_000 / hertz * (1 + jitter * random.standard_normal(count))
    times = np.cumsum(periods)
    heights = 1 + shimmer * random.standard_normal(count)
    wave = np.zeros(samples)
    for time, height in zip(times[times < samples - 2], heights, strict=False):
        place = int(time)
        wave[place] += height * (1 - (time - place))
        wave[place + 1] += height * (time - place)
    decay = np.arange(200) / 16_000
    for formant in (500.0, 1_500.0):
        wave = np.convolve(wave, np.exp(-300 * decay) * np.cos(2 * np.pi * formant * decay))
    wave = wave[:samples]
    return torch.from_numpy((0.1 * wave / wave.std()).astype(np.float32))[None]


@pytest.mark.parametrize("hertz", [90.0, 150.0, 220.0, 330.0])
def test_the_pitch_of_a_pulse_train_is_its_rate(hertz: float) -> None:
    pitch, voicing, *_ = build_feature("prosody")(pulses(hertz))[0, :, 5:-5]
    assert (100 * 2**pitch - hertz).abs().max() < 2.0
    assert voicing.min() > 0.9


def test_noise_is_not_voiced() -> None:
    _, voicing, *_ = build_feature("prosody")(noise(1, 24_000))[0]
    assert voicing.mean() < 0.5


def test_jitter_and_shimmer_rise_with_what_they_measure() -> None:
    feature = build_feature("prosody")

    def tracks(**irregular: float) -> Tensor:
        return feature(pulses(150.0, **irregular))[0, 2:4, 5:-5].mean(dim=1)

    jitters = [tracks(jitter=share)[0] for share in (0.0, 0.01, 0.03)]
    shimmers = [tracks(shimmer=share)[1] for share in (0.0, 0.1, 0.3)]
    assert jitters[0] * 3 < jitters[1] < jitters[2]
    assert shimmers[0] * 3 < shimmers[1] < shimmers[2]


def test_energy_is_the_mean_square() -> None:
    *_, energy = build_feature("prosody")(tone(200.0))[0, :, 5:-5]
    assert energy.exp().mean() == pytest.approx(0.005, rel=0.02)
