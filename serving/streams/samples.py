"""Bytes of raw audio as samples: linear and companded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import HIGHEST_PEAK
from serving.streams.stream_errors import BAD_SCHEMA, StreamError


def _mulaw() -> NDArray[np.float32]:
    """Samples (256,) of G.711 µ-law bytes."""
    inverted = ~np.arange(256) & 0xFF
    magnitude = (((inverted & 0x0F) << 3) + 0x84) << ((inverted & 0x70) >> 4)
    return _scaled(np.where(inverted & 0x80, 0x84 - magnitude, magnitude - 0x84))


def _alaw() -> NDArray[np.float32]:
    """Samples (256,) of G.711 A-law bytes."""
    code = np.arange(256) ^ 0x55
    exponent, mantissa = (code & 0x70) >> 4, (code & 0x0F) << 4
    high = (mantissa + 0x108) << np.maximum(exponent - 1, 0)
    magnitude = np.where(exponent == 0, mantissa + 8, high)
    return _scaled(np.where(code & 0x80, magnitude, -magnitude))


def _scaled(integers: NDArray[np.integer]) -> NDArray[np.float32]:
    """16-bit integers as samples between -1 and 1."""
    return integers.astype(np.float32) / np.float32(2**15)


_MULAW, _ALAW = _mulaw(), _alaw()


@dataclass(frozen=True)
class Encoding:
    """How a sample is written."""

    width: int  # bytes of one sample
    decode: Callable[[bytes], NDArray[np.float32]]  # whole samples


def _integers(data: bytes, kind: str) -> NDArray[np.float32]:
    return _scaled(np.frombuffer(data, kind))


def _floats(data: bytes) -> NDArray[np.float32]:
    samples = np.frombuffer(data, "<f4")
    peak = float(np.abs(samples).max(initial=0.0))
    if not peak <= HIGHEST_PEAK:  # not `peak >`: a peak may be NaN
        raise StreamError(
            BAD_SCHEMA, f"linear32: finite samples within -1 and 1 expected, found {peak:.4g}"
        )
    return samples.astype(np.float32)


ENCODINGS: dict[str, Encoding] = {
    "linear16": Encoding(2, lambda data: _integers(data, "<i2")),
    "linear16-be": Encoding(2, lambda data: _integers(data, ">i2")),  # L16, as RTP has it
    "linear32": Encoding(4, _floats),
    "mulaw": Encoding(1, lambda data: _MULAW[np.frombuffer(data, np.uint8)]),
    "alaw": Encoding(1, lambda data: _ALAW[np.frombuffer(data, np.uint8)]),
}
