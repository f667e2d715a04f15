"""The messages of WS /v1/stream, field by field, and the answer of GET /v1/streams/{id}.

Every llr is positive for bona fide, as a cm_score is. Times are seconds of the stream's audio, from
its first sample.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from models.evaluation.policies import SpeechVerdict


class _StreamMessage(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False, protected_namespaces=())


class BeginMessage(_StreamMessage):
    """The stream is open; audio may come."""

    type: Literal["Begin"] = "Begin"
    id: str
    model_version: int  # of every answer of this stream
    policy: str
    window_s: float
    hop_s: float
    expires_at: int  # seconds since 1970


class RunningAnswer(_StreamMessage):
    """All the evidence of a channel so far."""

    llr: float
    spoof_probability: float


class VerdictMessage(_StreamMessage):
    """One window, and what is known of its channel with it."""

    type: Literal["Verdict"] = "Verdict"
    seq: int  # 1, 2, 3 … of the stream
    channel: int
    start: float
    end: float
    speech_s: float  # of the window
    cm_score: float | None  # None: the window cannot be scored
    spoof_probability: float | None
    running: RunningAnswer | None  # None: no window could be scored yet
    verdict: SpeechVerdict  # on the channel
    reason: str | None  # of unscorable: too_short, silent, clipped, music_or_tone, noise
    is_final: bool  # the sequential test is sure, or the audio has ended


class StreamSegment(_StreamMessage):
    """A stretch of one channel with one verdict of its own."""

    channel: int
    start: float
    end: float
    verdict: SpeechVerdict
    score: float | None  # mean cm_score


class SummaryMessage(_StreamMessage):
    """The last message of a stream that ended well."""

    type: Literal["Summary"] = "Summary"
    id: str
    duration: float
    speech_s: float
    verdict: SpeechVerdict
    segments: list[StreamSegment]


class ErrorMessage(_StreamMessage):
    """Why the stream is closed; the close code is the same."""

    type: Literal["Error"] = "Error"
    error_code: int
    error: str


class ReconnectMessage(_StreamMessage):
    """The worker ends soon: open another stream, and close this one."""

    type: Literal["Reconnect"] = "Reconnect"
    within_s: float


class KeepAliveMessage(_StreamMessage):
    """The client is there, though there is no audio."""

    type: Literal["KeepAlive"]


class FinalizeMessage(_StreamMessage):
    """Score what has come now, without waiting for a whole hop."""

    type: Literal["Finalize"]


class GapMessage(_StreamMessage):
    """So much audio is missing here; what is before and after it is never glued."""

    type: Literal["Gap"]
    seconds: float = Field(ge=0, le=86_400)
    channel: int | None = Field(default=None, ge=0, le=1)  # None: all


class CloseStreamMessage(_StreamMessage):
    """No more audio comes: score the rest, send the summary."""

    type: Literal["CloseStream", "Terminate", "close"]


ClientMessage = Annotated[
    KeepAliveMessage | FinalizeMessage | GapMessage | CloseStreamMessage,
    Field(discriminator="type"),
]
ServerMessage = BeginMessage | VerdictMessage | SummaryMessage | ErrorMessage | ReconnectMessage


class StreamChannelAnswer(_StreamMessage):
    """What is known of one channel."""

    channel: int
    name: str | None  # as the client calls it: inbound, external …
    speech_s: float
    verdict: SpeechVerdict
    reason: str | None
    llr: float | None
    spoof_probability: float | None
    decided_at: float | None  # s of audio after which the sequential test was sure first


class StreamAnswer(_StreamMessage):
    """The answer of GET /v1/streams/{id}, and the data of webhooks."""

    id: str
    dialect: str
    call_id: str | None
    state: Literal["open", "ended", "broken", "lost"]  # broken: without a farewell; lost: crashed
    model_version: int
    policy: str
    opened_at: datetime
    ended_at: datetime | None
    duration: float
    speech_s: float
    verdict: SpeechVerdict
    decided: bool  # the sequential test is sure of a channel that is spoof, or of all channels
    channels: list[StreamChannelAnswer]
    segments: list[StreamSegment]  # empty while the stream is open
    skipped: int  # provisional verdicts that were not given because the detector was busy
    gaps: int
    close_code: int | None
