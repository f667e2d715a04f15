"""A call over a bad network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE

PACKET = SAMPLE_RATE // 50  # 20 ms
LEAST, MOST = 0.01, 0.20  # share of packets that are lost
LONGEST_BURST = 4.0  # packets that are lost in a row on average, at most
FADE = np.float32(0.5)  # of a repeated packet over the one before: silent to the ear after 120 ms


def packet_loss(waveform: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """The waveform (samples,) with lost packets of 20 ms, silent or repeated and fading.

    Share and bursts are those of Gilbert's model (1960) of two states. One packet is lost at least.
    """
    share, burst = rng.uniform(LEAST, MOST), rng.uniform(1.0, LONGEST_BURST)
    repeat = bool(rng.integers(2))
    lost = draw_losses(-(-waveform.size // PACKET), share, burst, rng)
    packets = np.zeros((lost.size, PACKET), np.float32)
    packets.reshape(-1)[: waveform.size] = waveform
    for number in np.flatnonzero(lost):
        packets[number] = FADE * packets[number - 1] if repeat and number else 0.0
    return packets.reshape(-1)[: waveform.size]


def draw_losses(
    packets: int, share: float, burst: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """True (packets,) where one is lost: `share` of them, `burst` in a row on average."""
    draws = rng.random(packets)
    ends, begins = 1.0 / burst, share / (1.0 - share) / burst
    lost = np.zeros(packets, np.bool_)
    now = bool(rng.random() < share)
    for number, drawn in enumerate(draws):
        now = bool(drawn >= ends) if now else bool(drawn < begins)
        lost[number] = now
    if not lost.any():
        lost[int(rng.integers(packets))] = True
    return lost
