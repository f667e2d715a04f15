"""The answer to POST /v1/score, field by field. Seconds count from the start of the recording."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from models.audio.speech import Unscorable
from models.evaluation.policies import SpeechVerdict

_ANSWER = ConfigDict(frozen=True, allow_inf_nan=False, protected_namespaces=())


class WindowScore(BaseModel):
    """One window that the detector was run on."""

    model_config = _ANSWER

    start: float
    end: float
    speech_s: float
    cm_score: float = Field(description="higher: more bona fide")
    llr: float = Field(description="calibrated log-likelihood ratio, bona fide over spoof")
    spoof_probability: float


class ScoredSegment(BaseModel):
    """Neighbouring parts with one verdict."""

    model_config = _ANSWER

    start: float
    end: float
    verdict: SpeechVerdict
    score: float | None = Field(description="mean cm_score; null where nobody speaks")


class _Judgement(BaseModel):
    model_config = _ANSWER

    channel: str = Field(description="a number, or mix")
    verdict: SpeechVerdict
    reason: Unscorable | None = Field(description="why the verdict is unscorable")
    cm_score: float | None = Field(description="higher: more bona fide; null: unscorable")
    llr: float | None = Field(
        description="calibrated log-likelihood ratio, bona fide over spoof; null: unscorable"
    )
    spoof_probability: float | None = Field(
        description="for equally likely classes; null: unscorable"
    )
    duration_s: float = Field(description="of what was scored")
    speech_s: float = Field(description="seconds in which somebody speaks")
    windows: int


class ChannelAnswer(_Judgement):
    """One channel: its verdict, its windows, its segments."""

    timeline: list[WindowScore]
    segments: list[ScoredSegment]


class SpeechAnswer(_Judgement):
    """The answer; its own verdict is that of the channel that is most likely spoofed."""

    request_id: str
    model_version: int
    policy: str
    spoof_below: float = Field(description="llr of the policy: lower is spoof")
    bonafide_from: float = Field(
        description="llr of the policy: from it on bona fide, between both uncertain"
    )
    threshold: float = Field(description="a cm_score: the threshold of POST /score")
    channels: list[ChannelAnswer]
