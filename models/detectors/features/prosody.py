"""Pitch, voicing and their small irregularities as tracks over frames."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.detectors.features.feature import FLOOR, LEAST_FLOOR, SAMPLE_RATE, Feature
from models.detectors.features.power_spectrum import PowerSpectrum, cosine_window
from models.detectors.options import number, whole_number
from models.errors import InputError

REFERENCE_HZ = 100.0  # the pitch whose row is 0
SHARPNESS = 100.0  # of the choice among lags: e^10 between autocorrelations that differ by 0.1
OCTAVE_COST = 0.1  # autocorrelation that a pitch an octave lower must have more


class Prosody(Feature):
    """Five rows: pitch, voicing, jitter, shimmer, energy.

    - pitch: octaves above 100 Hz;
    - voicing: the autocorrelation at the lag of the pitch, near 0 in noise and 1 in a steady vowel;
    - jitter: relative change of the period from a frame to the next, times voicing;
    - shimmer: relative change of the amplitude from a frame to the next, times voicing;
    - energy: ln(mean square + floor).

    The autocorrelation is that of Boersma (1993): of the windowed frame over that of the window.
    Where he takes the best lag, here all lags in range are weighed by a softmax, which has a
    gradient and no jumps: in noise, pitch goes to the middle. Jitter and shimmer, measured from
    period to period by phoneticians, are here averages over `smoothing` steps from frame to frame;
    frames hold several periods, so both are smaller than theirs, and grow with them.

    Args:
        frame: samples under the window, even; three periods of the lowest pitch are well.
        hop: samples from a frame to the next.
        lowest_hz, highest_hz: pitches looked for.
        smoothing: frames that jitter and shimmer are averaged over, odd.
        floor: added to the mean square.
    """

    cosines: Tensor
    window_correlation: Tensor
    octaves: Tensor
    costs: Tensor

    def __init__(
        self,
        *,
        frame: int = 640,
        hop: int = 160,
        lowest_hz: float = 75.0,
        highest_hz: float = 400.0,
        smoothing: int = 9,
        floor: float = FLOOR,
    ) -> None:
        super().__init__()
        low = number("lowest_hz", lowest_hz, 40.0, 1_000.0)
        high = number("highest_hz", highest_hz, low * 1.5, 2_000.0)
        lags = np.arange(int(SAMPLE_RATE / high), int(SAMPLE_RATE / low) + 2)
        if 2 * lags[-1] > whole_number("frame", frame, 16, 4_000):
            raise InputError(
                f"option frame: two periods of {low:g} Hz expected ({2 * lags[-1]} samples), "
                f"found {frame}"
            )
        if whole_number("smoothing", smoothing, 1, 99) % 2 == 0:
            raise InputError(f"option smoothing: an odd number expected, found {smoothing}")
        self.smoothing = smoothing
        self.floor = number("floor", floor, LEAST_FLOOR, 1.0)
        fft = 2 ** int(np.ceil(np.log2(frame + lags[-1])))  # else lags would wrap around
        self.spectrum = PowerSpectrum(frame, hop, fft)
        self.hop = self.spectrum.hop
        window = _window_correlation(frame, lags)
        octaves = np.log2(SAMPLE_RATE / lags / REFERENCE_HZ)
        for name, values in {
            "cosines": _inverse(fft, np.concatenate([[0], lags])),  # (1 + lags, bins)
            "window_correlation": window[:, None],
            "octaves": octaves[:, None],
            "costs": OCTAVE_COST * (octaves.max() - octaves)[:, None],
        }.items():
            tensor = torch.from_numpy(values.astype(np.float32))
            self.register_buffer(name, tensor, persistent=False)
        self.window_energy = float(np.square(cosine_window("hann", frame)).sum())

    @property
    def bins(self) -> int:
        """Tracks."""
        return 5

    def rows(self, waveforms: Tensor) -> Tensor:
        """(batch, 5, frames)."""
        correlations = self.cosines @ self.spectrum(waveforms)  # (batch, 1 + lags, frames)
        power = correlations[:, :1].clamp_min(0.0) / self.window_energy  # mean square
        quiet = self.floor * self.window_energy
        periodic = correlations[:, 1:] / (correlations[:, :1] + quiet) / self.window_correlation
        weights = torch.softmax(SHARPNESS * (periodic - self.costs), dim=1)
        pitch = (weights * self.octaves).sum(dim=1, keepdim=True)
        voicing = (weights * periodic).sum(dim=1, keepdim=True)
        energy = torch.log(power + self.floor)
        jitter = self._irregularity(pitch * np.log(2.0), voicing)
        shimmer = self._irregularity(energy / 2, voicing)
        return torch.cat([pitch, voicing, jitter, shimmer, energy], dim=1)

    def _irregularity(self, logarithms: Tensor, voicing: Tensor) -> Tensor:
        """Relative change (batch, 1, frames) between voiced frames, from logarithms."""
        before = functional.pad(logarithms, (1, 0), mode="replicate")[:, :, :-1]
        change = (logarithms - before).abs() * voicing
        reach = self.smoothing // 2
        padded = functional.pad(change, (reach, reach), mode="replicate")
        return functional.avg_pool1d(padded, self.smoothing, 1)


def _inverse(fft: int, lags: NDArray[np.int64]) -> NDArray[np.float64]:
    """Autocorrelations at lags as weights (lags, fft // 2 + 1) of the powers of a transform."""
    counted = np.full(fft // 2 + 1, 2.0)  # times: each frequency stands for its negative too
    counted[[0, -1]] = 1.0
    angles = 2 * np.pi * (np.outer(lags, np.arange(fft // 2 + 1)) % fft) / fft
    return np.asarray(np.cos(angles) * counted / fft)


def _window_correlation(frame: int, lags: NDArray[np.int64]) -> NDArray[np.float64]:
    """The autocorrelation (lags,) of the window itself, 1 at lag 0."""
    window = cosine_window("hann", frame)
    full = np.correlate(window, window, mode="full")[frame - 1 :]
    return np.asarray(full[lags] / full[0])
