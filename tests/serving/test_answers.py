"""An answer by a policy says which channel, which seconds and how sure, or why there is none."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from pydantic import ValidationError

from models.errors import InputError
from models.evaluation.policies import Policies, Policy, write_policies
from models.files.manifest import Manifest, write_manifest
from models.params.window import WindowParams
from serving.answers.options import ScoreOptions
from serving.answers.schemas import SpeechAnswer
from serving.uploads import Upload
from tests.serving.conftest import wav

Start = Callable[..., Any]
Wave = NDArray[np.float32]


def syllables(seconds: float, level: float = 0.1) -> Wave:
    """A voice of this root mean square that glides, four syllables a second."""
    time = np.arange(int(seconds * 16_000)) / 16_000
    phase = 2 * np.pi * (130 * time + 12 * np.sin(2 * np.pi * 0.9 * time))
    voice = sum(np.sin(n * phase) / n for n in range(1, 12))
    envelope = np.maximum(np.sin(2 * np.pi * 2 * time), 0.01) ** 2
    sound = voice * envelope
    return np.asarray(level * sound / np.sqrt(np.mean(sound**2)), dtype=np.float32)


def stereo(left: Wave, right: Wave) -> bytes:
    return wav(np.stack([left, right], axis=1))


def ask(endpoint: Any, recording: bytes, **options: Any) -> SpeechAnswer:
    upload = Upload(recording, "call.wav", {"source": "line-1"})
    answer: SpeechAnswer = asyncio.run(endpoint.door.answer(upload, ScoreOptions(**options)))
    return answer


@pytest.fixture
def cautious(registry: Any, make_detector: Any, tmp_path: Path) -> int:
    """A version that calls mean squares under 0.001 spoof and those from 0.01 on bona fide."""
    window = WindowParams(samples=32_000, hop=16_000)
    folder = make_detector(tmp_path / "detector", 0.0, window)
    policies = {
        "default": Policy("default", 0.001, 0.01),
        "high-security": Policy("high-security", 0.001, 10.0),
    }
    write_policies(folder, Policies(policies))
    write_manifest(folder, Manifest("aasist", {}, window))
    registry.folders[9] = folder
    return 9


def test_by_default_the_whole_mix_is_judged_as_score_judges_it(start: Start) -> None:
    endpoint = start(alias=2)
    recording = wav(syllables(3.0))
    plain, answer = endpoint.score(recording).json(), ask(endpoint, recording)
    assert {name: getattr(answer, name) for name in plain if name != "request_id"} == {
        name: value for name, value in plain.items() if name != "request_id"
    }
    assert (answer.channel, answer.policy, answer.reason) == ("mix", "default", None)
    assert answer.spoof_below == answer.bonafide_from == 0.5  # of a version without policies
    assert answer.llr == answer.cm_score
    assert 1.0 < answer.speech_s < 3.0


def test_between_the_two_ratios_of_the_policy_the_verdict_is_uncertain(
    start: Start, cautious: int
) -> None:
    endpoint = start(alias=cautious)
    levels = {0.02: "spoof", 0.06: "uncertain", 0.15: "bonafide"}
    for level, verdict in levels.items():
        assert ask(endpoint, wav(syllables(2.0, level))).verdict == verdict
    loud = wav(syllables(2.0, 0.15))
    assert ask(endpoint, loud, policy="high-security").verdict == "uncertain"
    names = [row["name"] for row in endpoint.client.get("/model").json()["policies"]]
    assert names == ["default", "high-security"]
    with pytest.raises(InputError, match="no policy named 'lax'; known: default, high-security"):
        ask(endpoint, loud, policy="lax")


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (0.3 * np.sin(np.arange(48_000) / 5), "music_or_tone"),
        (0.1 * np.random.default_rng(1).standard_normal(48_000), "noise"),
        (1e-4 * np.sin(np.arange(48_000) / 5), "silent"),
        (syllables(0.25), "too_short"),
        (np.clip(50 * syllables(2.0), -1, 1), "clipped"),
    ],
)
def test_what_cannot_be_judged_has_a_reason_and_no_score(
    start: Start, sound: Wave, reason: str
) -> None:
    endpoint = start()
    answer = ask(endpoint, wav(sound.astype(np.float32)))
    assert (answer.verdict, answer.reason) == ("unscorable", reason)
    assert (answer.cm_score, answer.llr, answer.spoof_probability) == (None, None, None)
    assert answer.channels[0].segments == []
    row = endpoint.door.score_log.find(answer.request_id)  # traffic is watched all the same
    assert (row.judgement["verdict"], row.judgement["reason"]) == ("unscorable", reason)
    assert np.isfinite(row.cm_score)


def test_each_channel_is_judged_and_the_most_spoofed_decides(start: Start) -> None:
    endpoint = start()
    loud, quiet = syllables(2.0, 0.15), np.roll(syllables(2.0, 0.03), 9_000)
    recording = stereo(loud, quiet)
    answer = ask(endpoint, recording, channel="each")
    assert [c.channel for c in answer.channels] == ["0", "1"]
    scores = [c.cm_score for c in answer.channels]
    assert scores[0] > scores[1] == answer.cm_score  # type: ignore[operator]
    assert answer.channel == "1"
    for channel, score in zip("01", scores, strict=True):
        assert ask(endpoint, recording, channel=channel).cm_score == pytest.approx(score)
    row = endpoint.door.score_log.find(answer.request_id)
    assert (row.cm_score, row.judgement["channel"]) == (answer.cm_score, "1")


def test_a_silent_party_does_not_decide_for_the_one_who_speaks(start: Start) -> None:
    answer = ask(start(), stereo(np.zeros(32_000, np.float32), syllables(2.0)), channel="each")
    assert [c.reason for c in answer.channels] == ["silent", None]
    assert (answer.channel, answer.verdict) == ("1", "bonafide")


def test_a_channel_that_is_the_echo_of_the_other_is_not_judged_by_it(start: Start) -> None:
    voice = syllables(3.0, 0.12)
    line = 0.002 * np.random.default_rng(2).standard_normal(voice.size)
    echo = (0.1 * np.roll(voice, 400) + line).astype(np.float32)
    answer = ask(start(), stereo(voice, echo), channel="each")
    assert [c.reason for c in answer.channels] == [None, "cross_talk"]
    both = ask(start(), stereo(voice, voice), channel="each")  # one recording in two channels
    assert [c.reason for c in both.channels] == [None, None]


def test_start_and_end_choose_what_is_scored_and_times_stay_those_of_the_recording(
    start: Start,
) -> None:
    endpoint = start()
    recording = wav(np.concatenate([syllables(2.0, 0.03), syllables(2.0, 0.15)]))
    part = ask(endpoint, recording, start=2.0, end=3.5)
    assert part.duration_s == 1.5
    assert part.cm_score == pytest.approx(
        ask(endpoint, wav(syllables(1.5, 0.15))).cm_score, abs=1e-4
    )
    assert (part.channels[0].timeline[0].start, part.channels[0].timeline[-1].end) == (2.0, 3.5)
    assert ask(endpoint, recording, start=3.0, end=99.0).duration_s == 1.0
    with pytest.raises(InputError, match=r"start: less than the 4\.00 s .* found 5 s"):
        ask(endpoint, recording, start=5.0)
    with pytest.raises(InputError, match=r"at least 0\.1 s of the recording between them"):
        ask(endpoint, recording, start=3.95)


@pytest.mark.parametrize("timeline", ["windows", "fine"])
def test_segments_cover_the_recording_and_find_the_part_that_differs(
    start: Start, cautious: int, timeline: str
) -> None:
    parts = [syllables(4.0, rms) for rms in (0.15, 0.02, 0.15)]
    answer = ask(start(alias=cautious), wav(np.concatenate(parts)), timeline=timeline)
    segments = answer.channels[0].segments
    assert (segments[0].start, segments[-1].end) == (0.0, 12.0)
    assert all(a.end == b.start for a, b in pairwise(segments))
    (spoof,) = [segment for segment in segments if segment.verdict == "spoof"]
    assert 4.0 <= spoof.start < spoof.end <= 8.0
    assert spoof.score < 0.001
    spans = [(w.start, w.end) for w in answer.channels[0].timeline]
    assert spans[:2] == ([(0, 2), (1, 3)] if timeline == "windows" else [(0, 1), (0.5, 1.5)])


def test_a_channel_that_is_not_there_is_refused_by_what_is_there(start: Start) -> None:
    endpoint = start()
    with pytest.raises(InputError, match=r"channel: 0, mix or each expected, .* has 1 channel,"):
        ask(endpoint, wav(syllables(1.0)), channel="1")
    with pytest.raises(InputError, match=r"channel: 0 to 1, mix or each expected, .* 2 channels,"):
        ask(endpoint, stereo(syllables(1.0), syllables(1.0)), channel="2")
    mono = ask(endpoint, wav(syllables(1.0)), channel="each")
    assert [c.channel for c in mono.channels] == ["0"]


def test_channels_that_cancel_can_be_judged_one_by_one(start: Start) -> None:
    endpoint, voice = start(), syllables(2.0)
    recording = stereo(voice, -voice)
    with pytest.raises(InputError, match="cancel when they are mixed"):
        ask(endpoint, recording)
    assert len(ask(endpoint, recording, channel="each").channels) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"channel": "left"},
        {"channel": "8"},
        {"start": -1.0},
        {"start": float("nan")},
        {"start": 2.0, "end": 2.0},
        {"policy": ""},
        {"timeline": "finest"},
        {"speed": 2},
    ],
)
def test_an_option_that_means_nothing_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ScoreOptions(**options)


def test_the_fine_timeline_of_a_long_recording_is_scored_in_blocks(start: Start) -> None:
    answer = ask(start(alias=6), wav(syllables(25.0)), timeline="fine")
    timeline = answer.channels[0].timeline
    assert len(timeline) == 49  # more than one block
    assert (timeline[-1].start, timeline[-1].end) == (24.0, 25.0)
    assert sum(w.speech_s for w in timeline[::2]) == pytest.approx(answer.speech_s, abs=0.1)


def test_an_8_bit_stereo_call_at_8_khz_has_one_answer_a_party(start: Start) -> None:
    voices = np.stack([syllables(2.0)[::2], np.roll(syllables(2.0, 0.03)[::2], 3_000)], axis=1)
    stream = io.BytesIO()
    soundfile.write(stream, voices, 8_000, format="WAV", subtype="ULAW")
    answer = ask(start(), stream.getvalue(), channel="each")
    assert [c.reason for c in answer.channels] == [None, None]
