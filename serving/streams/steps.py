"""What a client's message asks for, the same in every dialect."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OpenStep:
    """A stream begins."""

    encoding: str  # a key of serving.streams.samples.ENCODINGS
    rate: int  # Hz
    channels: tuple[str | None, ...]  # as the client calls them
    call_id: str | None = None
    policy: str | None = None  # None: by the sample rate
    webhook: str | None = None
    token: str | None = None  # sent in a message instead of a header


@dataclass(frozen=True)
class AudioStep:
    """Audio; of all channels interleaved, or of one."""

    data: bytes
    channel: int | None = None


@dataclass(frozen=True)
class GapStep:
    """Audio that is missing, of all channels or of one."""

    seconds: float
    channel: int | None = None


@dataclass(frozen=True)
class ReplyStep:
    """What the dialect answers by itself."""

    text: str


@dataclass(frozen=True)
class FinalizeStep:
    """Score what has come."""


@dataclass(frozen=True)
class CloseStep:
    """No more audio comes."""


Step = OpenStep | AudioStep | GapStep | ReplyStep | FinalizeStep | CloseStep
