"""What is said of a channel, and of a stream of two."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluation.calibration import Calibration
from models.evaluation.policies import Policy, SpeechVerdict
from models.params.window import StreamParams
from serving.streams.judgement import ChannelJudgement, ScoredCut, joint_verdict
from serving.streams.segments import segments_of
from serving.streams.track import Cut

WINDOW, SECOND = 64_000, 16_000
BONAFIDE, SPOOF, UNCERTAIN, UNSCORABLE = (
    SpeechVerdict.BONAFIDE, SpeechVerdict.SPOOF, SpeechVerdict.UNCERTAIN, SpeechVerdict.UNSCORABLE,
)  # fmt: skip


def judged(*scores: float | None, threshold: float = 0.0) -> ChannelJudgement:
    """A channel with one window a second, of which each has a second of new speech."""
    channel = ChannelJudgement(
        Policy("p", threshold, threshold), Calibration(1.0, 0.0, threshold), WINDOW, StreamParams()
    )
    for number, score in enumerate(scores):
        end = (number + 1) * SECOND
        cut = Cut(0, max(0, end - WINDOW), end, SECOND, np.zeros(0, np.float32))
        reason = "noise" if score is None else None
        channel.take(ScoredCut(cut, score, reason, 1.0, 1.0 if score is not None else 0.0))
    return channel


def test_little_evidence_is_no_verdict_against_what_it_says() -> None:
    assert judged(1.0, threshold=0.5).verdict is UNCERTAIN, "a quarter of 1 is below 0.5"
    assert judged(-1.0, threshold=0.5).verdict is SPOOF
    assert judged(*[1.0] * 8, threshold=0.5).verdict is BONAFIDE


def test_a_channel_that_was_surely_a_spoof_stays_one_and_one_that_was_not_may_become_one() -> None:
    caller, machine = [8.0] * 12, [-8.0] * 12
    assert judged(*caller).decided is BONAFIDE
    assert judged(*caller, *machine).decided is SPOOF
    changed = judged(*machine, *caller)
    assert (changed.decided, changed.verdict) == (SPOOF, SPOOF)
    assert changed.decided_at is not None and changed.decided_at < 6


def test_noise_is_no_evidence() -> None:
    assert judged(None, None).verdict is UNSCORABLE
    assert judged(None, None).reason == "noise"
    assert judged(-8.0, *[None] * 50).llr == judged(-8.0).llr


def test_segments_find_where_the_voice_changes() -> None:
    channel = judged(*[5.0] * 10, *[-5.0] * 10)
    segments = segments_of(0, channel.spans, channel.policy, channel.calibration)
    assert [segment.verdict for segment in segments] == [BONAFIDE, SPOOF]
    assert segments[0].end == segments[1].start == pytest.approx(10.0, abs=2.0)
    assert (segments[0].start, segments[1].end) == (0.0, 20.0)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([BONAFIDE, SPOOF], SPOOF),
        ([BONAFIDE, UNSCORABLE], BONAFIDE),
        ([BONAFIDE, UNCERTAIN], UNCERTAIN),
        ([UNSCORABLE, UNSCORABLE], UNSCORABLE),
    ],
)
def test_a_stream_is_a_spoof_if_a_channel_is(
    verdicts: list[SpeechVerdict], expected: SpeechVerdict
) -> None:
    assert joint_verdict(verdicts) is expected
