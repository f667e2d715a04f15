"""What a walk over a file's structure finds, and the ways in which it can fail."""

from __future__ import annotations

from dataclasses import dataclass


class UnreadableError(ValueError):
    """The bytes are not audio that can be read; the message is its reason."""


class DamagedError(ValueError):
    """The bytes are audio of which some is missing or wrong; the message gives the reason."""


class TruncatedError(DamagedError):
    """The end of the audio is missing; the message is a clause."""


@dataclass(frozen=True)
class AudioPart:
    """One recording: a whole file, or one of several that were joined to one."""

    data: bytes  # a file of its own, without tags around it
    demuxer: str  # FFmpeg's
    sndfile: bool = False  # libsndfile is tried first
    seconds: float | None = None  # that its structure counts or its header announces
    slack_s: float = 0.0  # that may be missing of these: delay and padding of the codec
    rate: int | None = None  # Hz, of a header that the frames must agree with
    gapless: bool = False  # each frame says at which sample it begins
    options: tuple[tuple[str, str], ...] = ()  # of the demuxer


@dataclass(frozen=True)
class Walk:
    """The recordings found at the start of some bytes, and where they end."""

    parts: tuple[AudioPart, ...]
    end: int


# Sizes by which writers that cannot go back say "unknown": SoX's AIFF, the largest signed and the
# largest unsigned number. They are rounded down to whole frames or up to whole pages.
_UNKNOWN = (0x7F00_0000, 0x7FFF_FFFF, 0xFFFF_FFFF, 2**63 - 1, 2**64 - 1)
_ROUNDING = 2**16


def is_unknown(size: int) -> bool:
    """Whether a size in bytes, zero apart, stands for one that the writer did not know.

    A file of any of these sizes is too large to be read, so no file that was cut has one.
    """
    return any(abs(size - unknown) <= _ROUNDING for unknown in _UNKNOWN)


def too_few_bytes(expected: int, available: int) -> TruncatedError:
    """The refusal of a file of `available` bytes whose header announces `expected`."""
    return TruncatedError(f"its header announces {expected} bytes, {available} are there")
