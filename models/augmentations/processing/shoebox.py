"""The impulse response of an empty rectangular room, by the image-source method.

Allen and Berkley, "Image method for efficiently simulating small-room acoustics" (1979): every
wall is a mirror, and a reflection is sound from a mirrored source. Delays and wall losses separate
by axis, so that all images are three small tables and their sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE

SPEED_OF_SOUND = 343.0  # m/s at 20 °C
LONGEST_S = 0.3  # of a response; what comes later is below its first tenth by 10 dB or more


@dataclass(frozen=True)
class Shoebox:
    """A room and who is where in it, all (3,) in metres."""

    size: NDArray[np.float64]
    source: NDArray[np.float64]
    microphone: NDArray[np.float64]
    reverberation_s: float  # until sound has fallen by 60 dB

    @property
    def reflection(self) -> float:
        """Share of the pressure that a wall reflects, by Eyring's formula, 0–1."""
        x, y, z = self.size
        surface = 2.0 * (x * y + y * z + z * x)
        power_share = np.exp(-0.161 * x * y * z / (surface * self.reverberation_s))
        return float(np.sqrt(power_share))

    def impulse_response(self, rate: int = SAMPLE_RATE) -> NDArray[np.float32]:
        """(samples,) from the direct sound on, which is 1.

        Walls invert the pressure, as Lehmann and Johansson (2008) do against the swelling of low
        frequencies that equal signs would give.
        """
        direct = float(np.linalg.norm(self.source - self.microphone))
        seconds = min(self.reverberation_s, LONGEST_S)
        reach = direct + seconds * SPEED_OF_SOUND
        (x, gain_x), (y, gain_y), (z, gain_z) = (self._axis(axis, reach) for axis in range(3))
        squares = np.add.outer(np.add.outer(x**2, y**2), z**2).ravel()
        gains = np.multiply.outer(np.multiply.outer(gain_x, gain_y), gain_z).ravel()
        arrives = squares < reach**2
        distances = np.sqrt(squares[arrives])
        delays = np.rint((distances - direct) * (rate / SPEED_OF_SOUND)).astype(np.int64)
        response = np.bincount(delays, gains[arrives] * direct / distances)
        return response[: int(seconds * rate)].astype(np.float32)

    def _axis(self, axis: int, reach: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Distances (images,) along one axis within reach, and the walls' share in each."""
        length, source, here = self.size[axis], self.source[axis], self.microphone[axis]
        count = int(np.ceil(reach / (2.0 * length))) + 1
        turns = np.arange(-count, count + 1)
        distances = np.concatenate([2 * turns * length + source, 2 * turns * length - source])
        walls = np.concatenate([2 * np.abs(turns), np.abs(turns) + np.abs(turns - 1)])
        gains = (-self.reflection) ** walls
        near = np.abs(distances - here) < reach
        return (distances - here)[near], gains[near]


def draw_shoebox(rng: np.random.Generator) -> Shoebox:
    """A room from a closet to a hall, with a speaker and a microphone in it."""
    size = rng.uniform([2.5, 2.5, 2.2], [10.0, 8.0, 4.0])
    margin = 0.3  # of people and microphones from the walls
    source, microphone = (rng.uniform(margin, size - margin) for _ in range(2))
    away = float(np.linalg.norm(source - microphone))
    if away < 0.3:  # nobody speaks from inside the microphone
        microphone = size / 2 if np.linalg.norm(source - size / 2) >= 0.3 else size / 4
    return Shoebox(size, source, microphone, float(rng.uniform(0.1, 0.5)))
