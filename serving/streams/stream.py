"""One live stream, independent of its socket: bytes in, windows to score, messages out."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Literal

from models.audio.reading import SAMPLE_RATE
from models.evaluation.policies import Policy
from models.params.window import StreamParams
from serving.champion import LoadedChampion
from serving.streams.judgement import ChannelJudgement, ScoredCut, joint_verdict
from serving.streams.messages import (
    BeginMessage,
    RunningAnswer,
    StreamAnswer,
    StreamChannelAnswer,
    StreamSegment,
    SummaryMessage,
    VerdictMessage,
)
from serving.streams.raw_audio import RawAudio
from serving.streams.samples import ENCODINGS
from serving.streams.segments import segments_of
from serving.streams.steps import OpenStep
from serving.streams.stream_metrics import StreamMetrics
from serving.streams.track import Cut, Track

FAREWELLS = (1000, 1001)  # done, and leaving a page; a cut connection is 1005 or 1006


class LiveStream:
    """The audio of one call and what is known of it; one version answers for all of it."""

    def __init__(
        self,
        dialect: str,
        opening: OpenStep,
        champion: LoadedChampion,
        policy: Policy,
        params: StreamParams,
        longest_s: float,
    ) -> None:
        self.id = str(uuid.uuid4())
        self.dialect, self.opening, self.champion = dialect, opening, champion
        self.policy, self._params, self._longest_s = policy, params, longest_s
        self.opened_at = datetime.now(UTC)
        self.ended_at: datetime | None = None
        self.close_code: int | None = None
        self.skipped = self.gaps = self._seq = 0
        window, hop = champion.manifest.window.samples, round(params.hop_s * SAMPLE_RATE)
        count = len(opening.channels)
        self._tracks = [Track(n, opening.rate, window, hop) for n in range(count)]
        self._raw = RawAudio(ENCODINGS[opening.encoding], opening.rate, self._tracks)
        self._channels = [
            ChannelJudgement(policy, champion.calibration, window, params) for _ in range(count)
        ]
        self._latest: dict[int, VerdictMessage] = {}

    def begin(self) -> BeginMessage:
        """The first message."""
        window_s = self.champion.manifest.window.samples / SAMPLE_RATE
        expires_at = self.opened_at + timedelta(seconds=self._longest_s)
        return BeginMessage(
            id=self.id,
            model_version=self.champion.version,
            policy=self.policy.name,
            window_s=window_s,
            hop_s=self._params.hop_s,
            expires_at=int(expires_at.timestamp()),
        )

    def take(self, data: bytes, channel: int | None) -> None:
        """Audio of one channel, or interleaved of all; any number of bytes."""
        self._raw.take(data, channel)

    def gap(self, seconds: float, channel: int | None) -> None:
        """Audio is missing here."""
        self._raw.hand_on(drop=True)
        self.gaps += seconds > 0
        for track in self._tracks if channel is None else [self._tracks[channel]]:
            track.gap(seconds)

    def finalize(self) -> None:
        """Let what has come be scored, though it is no whole hop."""
        self._raw.hand_on()
        for track in self._tracks:
            track.flush()

    def end(self) -> None:
        """No more audio comes."""
        self._raw.hand_on(drop=True)
        for track in self._tracks:
            track.close()

    def due(self) -> list[Cut]:
        """The next window of each channel that has one."""
        return [cut for cut in (track.due() for track in self._tracks) if cut is not None]

    def judge(self, scored: ScoredCut) -> tuple[VerdictMessage, bool]:
        """The verdict with a window, and whether the test has become sure with it."""
        cut, channel = scored.cut, self._channels[scored.cut.channel]
        self.skipped += cut.skipped
        is_news = channel.take(scored)
        calibration = self.champion.calibration
        score = scored.cm_score
        message = self._verdict(
            cut.channel,
            start=round(cut.start / SAMPLE_RATE, 3),
            end=round(cut.end / SAMPLE_RATE, 3),
            speech_s=round(scored.speech_s, 2),
            cm_score=score,
            spoof_probability=None if score is None else calibration.spoof_probability(score),
            is_final=channel.decided is not None,
        )
        return message, is_news

    def standing(self) -> list[VerdictMessage]:
        """The verdict of each channel as it stands, final: nothing that has come is unscored."""
        return [self._repeated(number) for number in range(len(self._channels))]

    def summary(self) -> SummaryMessage:
        """The last message."""
        return SummaryMessage(
            id=self.id,
            duration=round(self.duration_s, 3),
            speech_s=round(self._speech_s, 2),
            verdict=joint_verdict([channel.verdict for channel in self._channels]),
            segments=self._segments(),
        )

    def answer(self) -> StreamAnswer:
        """What is known now."""
        joint = joint_verdict([channel.verdict for channel in self._channels])
        sure = {channel.decided for channel in self._channels if channel.llr is not None}
        return StreamAnswer(
            id=self.id,
            dialect=self.dialect,
            call_id=self.opening.call_id,
            state=self._state,
            model_version=self.champion.version,
            policy=self.policy.name,
            opened_at=self.opened_at,
            ended_at=self.ended_at,
            duration=round(self.duration_s, 3),
            speech_s=round(self._speech_s, 2),
            verdict=joint,
            decided="spoof" in sure or sure == {"bonafide"},
            channels=[self._channel_answer(n) for n in range(len(self._channels))],
            segments=self._segments() if self.ended_at is not None else [],
            skipped=self.skipped,
            gaps=self.gaps,
            close_code=self.close_code,
        )

    def count(self, metrics: StreamMetrics) -> None:
        """Add what has become of it to the metrics."""
        metrics.audio_seconds.inc(sum(track.audio_s for track in self._tracks))
        metrics.skipped.inc(self.skipped)
        metrics.gaps.inc(self.gaps)
        version = str(self.champion.version)
        metrics.verdicts.labels(self.answer().verdict, version).inc()
        for channel in self._channels:
            if channel.decided_at is not None:
                metrics.decision_seconds.observe(channel.decided_at)

    @property
    def duration_s(self) -> float:
        """Seconds of audio, with gaps, of the channel that has come farthest."""
        return max(track.seconds for track in self._tracks)

    @property
    def audio_s(self) -> float:
        """The same without gaps."""
        return max(track.audio_s for track in self._tracks)

    @property
    def backlog_s(self) -> float:
        """Seconds of audio that were in no window yet, of the channel that has most."""
        return max(track.backlog_s for track in self._tracks)

    @property
    def _speech_s(self) -> float:
        return sum(channel.speech_s for channel in self._channels)

    @property
    def _state(self) -> Literal["open", "ended", "broken"]:
        if self.ended_at is None:
            return "open"
        return "ended" if self.close_code in FAREWELLS else "broken"

    def _verdict(self, number: int, **window: object) -> VerdictMessage:
        channel = self._channels[number]
        self._seq += 1
        running = None
        if channel.llr is not None and channel.spoof_probability is not None:
            running = RunningAnswer(
                llr=round(channel.llr, 4), spoof_probability=channel.spoof_probability
            )
        message = VerdictMessage.model_validate(
            {
                "seq": self._seq,
                "channel": number,
                "running": running,
                "verdict": channel.verdict,
                "reason": channel.reason,
                **window,
            }
        )
        self._latest[number] = message
        return message

    def _repeated(self, number: int) -> VerdictMessage:
        latest = self._latest.get(number)
        if latest is None:
            nothing: dict[str, object] = {"start": 0.0, "end": 0.0, "speech_s": 0.0}
            scores = {"cm_score": None, "spoof_probability": None}
            return self._verdict(number, **nothing, **scores, is_final=True)
        self._seq += 1
        return latest.model_copy(update={"seq": self._seq, "is_final": True})

    def _channel_answer(self, number: int) -> StreamChannelAnswer:
        channel = self._channels[number]
        return StreamChannelAnswer(
            channel=number,
            name=self.opening.channels[number],
            speech_s=round(channel.speech_s, 2),
            verdict=channel.verdict,
            reason=channel.reason if channel.verdict == "unscorable" else None,
            llr=None if channel.llr is None else round(channel.llr, 4),
            spoof_probability=channel.spoof_probability,
            decided_at=channel.decided_at,
        )

    def _segments(self) -> list[StreamSegment]:
        return [
            segment
            for number, channel in enumerate(self._channels)
            for segment in segments_of(
                number, channel.spans, self.policy, self.champion.calibration
            )
        ]
