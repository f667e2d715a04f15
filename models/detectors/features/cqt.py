"""Log power over pitch: fine at low frequencies, quick at high ones."""

from __future__ import annotations

import torch
from torch import Tensor

from models.detectors.features.constant_q import ConstantQ
from models.detectors.features.feature import FLOOR, LEAST_FLOOR, Feature
from models.detectors.options import number


class Cqt(Feature):
    """ln(power + floor) of each pitch, lowest first: octaves · per_octave rows.

    Args: those of `ConstantQ`, and
        floor: added to every power. With the defaults the band from 62.5 Hz to 8 kHz is covered.
    """

    def __init__(
        self,
        *,
        lowest_hz: float = 62.5,
        octaves: int = 7,
        per_octave: int = 12,
        hop: int = 160,
        floor: float = FLOOR,
    ) -> None:
        super().__init__()
        self.transform = ConstantQ(lowest_hz, octaves, per_octave, hop)
        self.hop = self.transform.hop
        self.floor = number("floor", floor, LEAST_FLOOR, 1.0)

    @property
    def bins(self) -> int:
        """Pitches."""
        return self.transform.bins

    def rows(self, waveforms: Tensor) -> Tensor:
        """(batch, pitches, frames)."""
        return torch.log(self.transform(waveforms) + self.floor)
