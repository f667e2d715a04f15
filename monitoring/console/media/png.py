"""A picture of 256 colours as PNG (ISO/IEC 15948): header, palette, deflated rows."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_LEVEL = 3  # of deflate: three times as fast as the default, files a tenth larger
# Inferno of matplotlib (Nathaniel Smith and Stéfan van der Walt, CC0), every 32nd colour
_STOPS = (
    (0, 0, 4), (27, 12, 65), (74, 12, 107), (120, 28, 109), (165, 44, 96),
    (207, 68, 70), (237, 105, 37), (251, 155, 6), (252, 255, 164),
)  # fmt: skip


def encode(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG of pixels (rows, columns), each of them an index of the palette."""
    rows, columns = pixels.shape
    header = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)  # 8 bits, by palette
    lines = np.concatenate([np.zeros((rows, 1), np.uint8), pixels], axis=1)  # no filter
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", _PALETTE),
            _chunk(b"IDAT", zlib.compress(lines.tobytes(), _LEVEL)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _palette() -> bytes:
    places, stops = np.linspace(0, 255, len(_STOPS)), np.array(_STOPS)
    colours = [np.interp(np.arange(256), places, stops[:, channel]) for channel in range(3)]
    return np.stack(colours, axis=1).round().astype(np.uint8).tobytes()


_PALETTE = _palette()
