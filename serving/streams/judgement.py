"""What is known of one channel: its windows, their running evidence, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass, field

from models.audio.reading import SAMPLE_RATE
from models.audio.speech import Unscorable
from models.evaluation.calibration import Calibration, probability_of_spoof
from models.evaluation.policies import Policy, SpeechVerdict
from models.evaluation.running import Boundaries, RepeatedTest, RunningEvidence
from models.params.window import StreamParams
from serving.streams.track import Cut


@dataclass(frozen=True, eq=False)
class ScoredCut:
    """A window, and what the detector made of it."""

    cut: Cut
    cm_score: float | None  # None: it cannot be scored
    reason: str | None  # why not
    speech_s: float  # of the window
    new_speech_s: float  # of that part which no earlier window had


@dataclass(frozen=True)
class ScoredSpan:
    """Where a scored window lies, in samples at 16 kHz, and its cm_score."""

    start: int
    end: int
    cm_score: float | None


@dataclass
class ChannelJudgement:
    """The evidence of one channel: all of it, and that of a test that begins anew when it is sure.

    Once the test was sure of a spoof, the channel is one, whatever is said later.
    """

    policy: Policy
    calibration: Calibration
    window: int  # samples at 16 kHz
    params: StreamParams
    spans: list[ScoredSpan] = field(default_factory=list)
    speech_s: float = 0.0
    decided: SpeechVerdict | None = None
    decided_at: float | None = None  # s of audio, the first time
    reason: str | None = Unscorable.TOO_SHORT.value

    def __post_init__(self) -> None:
        self._evidence = RunningEvidence(self.params.correlation)
        boundaries = Boundaries.around(self.policy, self.params.error)
        self._test = RepeatedTest(boundaries, self.params.correlation)

    def take(self, scored: ScoredCut) -> bool:
        """Add a window; whether the test has become sure of something with it."""
        self.spans.append(ScoredSpan(scored.cut.start, scored.cut.end, scored.cm_score))
        self.speech_s += scored.new_speech_s
        if scored.cm_score is None:
            self.reason = scored.reason
            return False
        self.reason = None
        llr = self.calibration.llr_of(scored.cm_score)
        amount = scored.new_speech_s * SAMPLE_RATE / self.window
        self._evidence.add(llr, amount)
        sure_of = self._test.add(llr, amount)
        if sure_of is None or self.decided in (sure_of, SpeechVerdict.SPOOF):
            return False
        self.decided = sure_of
        if self.decided_at is None:
            self.decided_at = scored.cut.end / SAMPLE_RATE
        return True

    @property
    def llr(self) -> float | None:
        """The llr of all windows; None while none could be scored."""
        return self._evidence.llr if self._evidence.amount > 0.0 else None

    @property
    def spoof_probability(self) -> float | None:
        """Of all windows, where both classes are equally likely beforehand."""
        return None if self.llr is None else probability_of_spoof(self.llr)

    @property
    def verdict(self) -> SpeechVerdict:
        """On the channel so far."""
        if self.decided is not None:
            return self.decided
        if self.llr is None:
            return SpeechVerdict.UNSCORABLE
        verdict = self.policy.verdict(self.llr)
        if self._evidence.amount < 1.0 and self.policy.verdict(self._evidence.mean) != verdict:
            return SpeechVerdict.UNCERTAIN  # the little evidence there is points to the other side
        return verdict


def joint_verdict(verdicts: list[SpeechVerdict]) -> SpeechVerdict:
    """On a stream: spoof if a channel is, bona fide only if every channel with speech is."""
    known = [verdict for verdict in verdicts if verdict is not SpeechVerdict.UNSCORABLE]
    if SpeechVerdict.SPOOF in known:
        return SpeechVerdict.SPOOF
    if not known:
        return SpeechVerdict.UNSCORABLE
    uncertain = SpeechVerdict.UNCERTAIN in known
    return SpeechVerdict.UNCERTAIN if uncertain else SpeechVerdict.BONAFIDE
