"""How strong each of the twelve pitch classes is, whatever the octave."""

from __future__ import annotations

from torch import Tensor

from models.detectors.features.constant_q import ConstantQ
from models.detectors.features.feature import FLOOR, LEAST_FLOOR, Feature
from models.detectors.options import number, whole_number

CLASSES = 12
LOWEST_C_HZ = 440.0 * 2 ** (-33 / 12)  # C2, 65.4 Hz, of equal temperament


class Chroma(Feature):
    """Powers of C, C sharp, … B summed over octaves, as shares of the strongest: 12 rows in 0–1.

    Args:
        octaves: above C2 (65.4 Hz).
        hop: samples from a frame to the next.
        floor: of the strongest; frames of less power are near zero.
    """

    def __init__(self, *, octaves: int = 6, hop: int = 160, floor: float = FLOOR) -> None:
        super().__init__()
        self.octaves = whole_number("octaves", octaves, 1, 6)
        self.transform = ConstantQ(LOWEST_C_HZ, self.octaves, CLASSES, hop)
        self.hop = self.transform.hop
        self.floor = number("floor", floor, LEAST_FLOOR, 1.0)

    @property
    def bins(self) -> int:
        """Pitch classes."""
        return CLASSES

    def rows(self, waveforms: Tensor) -> Tensor:
        """(batch, 12, frames)."""
        pitches = self.transform(waveforms)
        powers: Tensor = pitches.unflatten(1, (self.octaves, CLASSES)).sum(dim=1)
        return powers / (powers.amax(dim=1, keepdim=True) + self.floor)
