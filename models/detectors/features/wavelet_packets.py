"""Powers in the bands of a full wavelet packet tree (Coifman & Wickerhauser, 1992)."""

from __future__ import annotations

from math import comb

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.detectors.features.feature import FLOOR, LEAST_FLOOR, LONGEST_FRAME, Feature, mirrored
from models.detectors.options import number, whole_number
from models.errors import InputError


class WaveletPackets(Feature):
    """ln(mean squared coefficient + floor) of each leaf, lowest band first: 2^level rows.

    Filtering and halving `level` times is one filtering by longer filters that halves at once
    (the noble identity), so the whole tree is a single convolution. The leaves are in the order
    of their bands, each 8 kHz / 2^level wide, and orthonormal: no energy is lost or counted twice.

    Args:
        moments: vanishing ones, of Daubechies' wavelet: 4 is `db4`, with 8 coefficients.
        level: of the leaves.
        frame: samples averaged over, a multiple of 2^level.
        hop: samples from a frame to the next, a multiple of 2^level.
        floor: added to every power.
    """

    leaves: Tensor

    def __init__(
        self,
        *,
        moments: int = 4,
        level: int = 5,
        frame: int = 320,
        hop: int = 160,
        floor: float = FLOOR,
    ) -> None:
        super().__init__()
        self.stride = 1 << whole_number("level", level, 1, 7)
        self.frame = _multiple("frame", frame, self.stride)
        self.hop = _multiple("hop", hop, self.stride)
        self.floor = number("floor", floor, LEAST_FLOOR, 1.0)
        leaves = packet_filters(whole_number("moments", moments, 1, 10), level)
        self.register_buffer("leaves", torch.from_numpy(leaves)[:, None], persistent=False)

    @property
    def bins(self) -> int:
        """Leaves."""
        return self.stride

    def rows(self, waveforms: Tensor) -> Tensor:
        """(batch, 2^level, frames)."""
        around = self.leaves.shape[2] - self.stride + self.frame  # samples needed beyond the ends
        padded = mirrored(waveforms, around // 2, around - around // 2)
        coefficients = functional.conv1d(padded, self.leaves, stride=self.stride)
        step = self.stride
        powers = functional.avg_pool1d(
            coefficients.square(), self.frame // step, self.hop // step
        )  # (batch, 2^level, frames)
        return torch.log(powers + self.floor)


def packet_filters(moments: int, level: int) -> NDArray[np.float32]:
    """The filters of all leaves of a tree, (2^level, (2 · moments - 1)(2^level - 1) + 1).

    As convolutions run in torch: correlated with the waveform. A high-pass turns the order of the
    bands below it around, as frequencies fold back when samples are dropped.
    """
    low = daubechies(moments)
    high = low[::-1] * (-1.0) ** np.arange(len(low))
    leaves = [np.ones(1)]
    for depth in range(level):
        spread = [_spread(branch, 2**depth) for branch in (low, high)]
        leaves = [
            np.convolve(leaf, spread[branch])
            for place, leaf in enumerate(leaves)
            for branch in ((0, 1) if place % 2 == 0 else (1, 0))
        ]
    return np.stack(leaves).astype(np.float32)


def daubechies(moments: int) -> NDArray[np.float64]:
    """The 2 · moments coefficients of the low-pass of least phase; their sum is √2.

    Daubechies (1988), §4.C: (1 + z)^moments times the half inside the unit circle of the zeros
    that make the filter orthogonal to itself two samples later.
    """
    # P(y) = Σ C(moments - 1 + k, k) y^k with y = (2 - z - 1/z) / 4, times z^(moments - 1)
    polynomial = np.zeros(2 * moments - 1)
    for k in range(moments):
        term = np.ones(1)
        for _ in range(k):
            term = np.convolve(term, [-0.25, 0.5, -0.25])
        start = moments - 1 - k
        polynomial[start : start + len(term)] += comb(moments - 1 + k, k) * term
    zeros = np.roots(polynomial)
    inside = zeros[np.abs(zeros) < 1.0]
    taps = np.real(np.poly(np.concatenate([-np.ones(moments), inside])))
    return np.asarray(taps * np.sqrt(2.0) / taps.sum())


def _spread(taps: NDArray[np.float64], step: int) -> NDArray[np.float64]:
    """Taps with `step - 1` zeros between them."""
    out = np.zeros((len(taps) - 1) * step + 1)
    out[::step] = taps
    return out


def _multiple(name: str, value: int, step: int) -> int:
    if whole_number(name, value, 1, LONGEST_FRAME) % step:
        raise InputError(f"option {name}: a multiple of 2^level ({step}) expected, found {value}")
    return value
