"""Composes an answer of scores, speech and a policy; nothing here waits or decides anew."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from models.audio.reading import SAMPLE_RATE
from models.audio.speech import SpeechActivity
from models.evaluation.policies import Policies, Policy, SpeechVerdict
from models.evaluation.segments import segments_of
from serving.answers.detection import Detected, WindowScores
from serving.answers.options import ScoreOptions
from serving.answers.schemas import ChannelAnswer, ScoredSegment, SpeechAnswer, WindowScore
from serving.champion import LoadedChampion
from serving.decode import DecodedAudio
from serving.schemas import PolicyAnswer, ScoreAnswer


@dataclass(frozen=True)
class JudgedChannel:
    """One channel: what was decoded, what the champion says of it, and the answer."""

    audio: DecodedAudio
    detected: Detected
    answer: ChannelAnswer


def plain_answer(
    request_id: str, champion: LoadedChampion, audio: DecodedAudio, detected: Detected
) -> ScoreAnswer:
    """The answer to POST /score."""
    calibration = champion.calibration
    return ScoreAnswer(
        request_id=request_id,
        cm_score=detected.cm_score,
        spoof_probability=calibration.spoof_probability(detected.cm_score),
        verdict=calibration.verdict(detected.cm_score),
        threshold=calibration.threshold,
        model_version=champion.version,
        duration_s=len(audio.waveform) / SAMPLE_RATE,
        windows=len(detected.windows.cm_scores),
    )


def judge_channel(
    champion: LoadedChampion,
    policy: Policy,
    audio: DecodedAudio,
    detected: Detected,
    timeline: WindowScores,
    start_s: float,
) -> JudgedChannel:
    """The answer for one channel, whose waveform begins `start_s` after the recording."""
    activity = activity_of(audio)
    answer = ChannelAnswer(
        channel=audio.channel,
        reason=activity.reason,
        duration_s=len(audio.waveform) / SAMPLE_RATE,
        speech_s=activity.seconds,
        windows=len(detected.windows.cm_scores),
        **_score(champion, policy, activity, detected.cm_score),
        timeline=_timeline(champion, timeline, activity, start_s),
        segments=[]
        if activity.reason
        else _segments(champion, policy, timeline, activity, start_s),
    )
    return JudgedChannel(audio, detected, answer)


def decisive(channels: list[JudgedChannel]) -> JudgedChannel:
    """The channel that is most likely spoofed among those that can be judged, else the first."""
    judged = [c for c in channels if c.answer.verdict is not SpeechVerdict.UNSCORABLE]
    return min(judged or channels[:1], key=lambda c: c.detected.cm_score)


def whole_answer(
    request_id: str, champion: LoadedChampion, policy: Policy, channels: list[JudgedChannel]
) -> SpeechAnswer:
    """The answer for all channels."""
    judgement = decisive(channels).answer.model_dump(exclude={"timeline", "segments"})
    return SpeechAnswer(
        request_id=request_id,
        model_version=champion.version,
        policy=policy.name,
        spoof_below=policy.spoof_below,
        bonafide_from=policy.bonafide_from,
        threshold=champion.calibration.threshold,
        channels=[channel.answer for channel in channels],
        **judgement,
    )


def judgement_of(answer: SpeechAnswer, options: ScoreOptions) -> dict[str, Any]:
    """What the row of a request keeps of an answer beside its scores."""
    fields = {"channel", "verdict", "reason", "policy", "spoof_below", "bonafide_from", "speech_s"}
    return {
        **answer.model_dump(mode="json", include=fields),
        "start": options.start,
        "end": options.end,
    }


def policy_answers(policies: Policies) -> list[PolicyAnswer]:
    """The policies that a version serves, as GET /model shows them."""
    rows = (policies.by_name[name] for name in policies.names)
    return [PolicyAnswer(**asdict(row)) for row in rows]


def activity_of(audio: DecodedAudio) -> SpeechActivity:
    """Where somebody speaks; raises RuntimeError if nobody listened while it was decoded."""
    if audio.activity is None:
        raise RuntimeError("audio decoded with AudioSelection.listens expected")
    return audio.activity


def _score(
    champion: LoadedChampion, policy: Policy, activity: SpeechActivity, cm_score: float
) -> dict[str, Any]:
    if activity.reason is not None:
        nothing = dict.fromkeys(("cm_score", "llr", "spoof_probability"))
        return {"verdict": SpeechVerdict.UNSCORABLE, **nothing}
    llr = champion.calibration.llr_of(cm_score)
    return {
        "verdict": policy.verdict(llr),
        "cm_score": cm_score,
        "llr": llr,
        "spoof_probability": champion.calibration.spoof_probability(cm_score),
    }


def _timeline(
    champion: LoadedChampion, timeline: WindowScores, activity: SpeechActivity, start_s: float
) -> list[WindowScore]:
    calibration = champion.calibration
    return [
        WindowScore(
            start=start_s + start,
            end=start_s + end,
            speech_s=activity.between(start, end),
            cm_score=float(cm_score),
            llr=calibration.llr_of(float(cm_score)),
            spoof_probability=calibration.spoof_probability(float(cm_score)),
        )
        for (start, end), cm_score in zip(timeline.spans_s, timeline.cm_scores, strict=True)
    ]


def _segments(
    champion: LoadedChampion,
    policy: Policy,
    timeline: WindowScores,
    activity: SpeechActivity,
    start_s: float,
) -> list[ScoredSegment]:
    segments = segments_of(
        timeline.spans_s,
        timeline.cm_scores,
        champion.calibration.llr_of,
        policy,
        activity.between,
    )
    return [
        ScoredSegment(
            start=start_s + segment.start_s,
            end=start_s + segment.end_s,
            verdict=segment.verdict,
            score=segment.cm_score,
        )
        for segment in segments
    ]
