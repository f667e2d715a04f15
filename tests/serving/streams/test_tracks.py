"""Bytes become windows: every sample is heard, and nothing is glued across a gap."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import av
import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from serving.streams.raw_audio import RawAudio
from serving.streams.samples import ENCODINGS
from serving.streams.stream_errors import StreamError
from serving.streams.track import Cut, Track

WINDOW, HOP = 64_600, 16_000


def noise(samples: int, seed: int = 1) -> NDArray[np.float32]:
    return (np.random.default_rng(seed).standard_normal(samples) * 0.1).astype(np.float32)


def drained(track: Track) -> Iterator[Cut]:
    while (cut := track.due()) is not None:
        yield cut


@pytest.mark.parametrize(
    ("name", "codec"), [("mulaw", "pcm_mulaw"), ("alaw", "pcm_alaw"), ("linear16-be", "pcm_s16be")]
)
def test_every_code_is_the_sample_that_ffmpeg_makes_of_it(name: str, codec: str) -> None:
    data = bytes(range(256)) * ENCODINGS[name].width
    decoder = av.CodecContext.create(codec, "r")
    decoder.sample_rate, decoder.layout = 8_000, "mono"  # type: ignore[attr-defined]
    (frame,) = decoder.decode(av.Packet(data))  # type: ignore[attr-defined]
    expected = frame.to_ndarray()[0].astype(np.float32) / 2**15
    np.testing.assert_array_equal(ENCODINGS[name].decode(data), expected)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e9])
def test_floats_that_are_no_samples_are_refused(value: float) -> None:
    with pytest.raises(StreamError, match="linear32: finite samples within -1 and 1"):
        ENCODINGS["linear32"].decode(np.float32([0.0, value]).tobytes())


def test_frames_of_any_size_make_the_windows_of_the_whole() -> None:
    """8 kHz, two channels, cut at every odd place: resampled as one piece, channels apart."""
    stereo = np.stack([noise(80_000, 1), noise(80_000, 2)], axis=1)
    data = (stereo * 2**15).astype("<i2").tobytes()
    tracks = [Track(n, 8_000, WINDOW, HOP) for n in range(2)]
    raw = RawAudio(ENCODINGS["linear16"], 8_000, tracks)
    cuts: list[Cut] = []
    sizes, start = np.random.default_rng(3).integers(1, 1_501, 10_000), 0
    for size in sizes:
        raw.take(data[start : start + size], None)
        start += int(size)
        cuts += [cut for track in tracks for cut in drained(track)]
    raw.hand_on(drop=True)
    for track in tracks:
        track.close()
        cuts += drained(track)
    assert [(cut.start, cut.end) for cut in cuts if cut.channel == 1] == [
        *((max(0, 16_000 * n - WINDOW), 16_000 * n) for n in range(1, 10)),
        (160_000 - WINDOW, 160_000),
    ]
    for number in range(2):
        samples = (stereo[:, number] * 2**15).astype(np.int16).astype(np.float32) / 2**15
        whole = soxr.resample(samples, 8_000, 16_000)
        for cut in (cut for cut in cuts if cut.channel == number):
            np.testing.assert_allclose(cut.waveform, whole[cut.start : cut.end], atol=1e-6)


def test_a_gap_begins_anew_and_no_window_has_both_sides() -> None:
    track = Track(0, 8_000, WINDOW, HOP)
    before, after = noise(20_000), noise(20_000, 2)
    track.push(before)
    track.gap(3.0)
    track.push(after)
    track.close()
    cuts = list(drained(track))
    assert [(cut.start / 16_000, cut.end / 16_000) for cut in cuts] == [
        (0.0, 2.5), (5.5, 8.0),
    ]  # fmt: skip
    assert track.seconds == 8.0 and track.audio_s == 5.0
    expected = [soxr.resample(part, 8_000, 16_000) for part in (before, after)]
    for cut, part in zip(cuts, expected, strict=True):
        np.testing.assert_allclose(cut.waveform, part, atol=1e-6)


@pytest.mark.parametrize("burst_s", [1.0, 2.7, 9.3])
def test_a_busy_detector_skips_windows_and_no_sample(burst_s: float) -> None:
    track, audio = Track(0, 16_000, WINDOW, HOP), noise(60 * 16_000)
    cuts: list[Cut] = []
    step = int(burst_s * 16_000)
    for start in range(0, len(audio), step):
        track.push(audio[start : start + step])
        cuts += drained(track)
    track.close()
    cuts += drained(track)
    assert cuts[0].start == 0 and cuts[-1].end == len(audio)
    for earlier, later in pairwise(cuts):
        assert later.start <= earlier.end < later.end
        assert later.new == later.end - earlier.end
    for cut in cuts:
        np.testing.assert_array_equal(cut.waveform, audio[cut.start : cut.end])
    assert track.backlog_s == 0.0
    assert sum(cut.skipped for cut in cuts) + len(cuts) >= 60


def test_what_is_shorter_than_a_hop_is_scored_when_it_is_asked_for() -> None:
    track = Track(0, 16_000, WINDOW, HOP)
    track.push(noise(12_000))
    assert track.due() is None
    track.flush()
    assert [(cut.start, cut.end) for cut in drained(track)] == [(0, 12_000)]
    track.push(noise(1_000))
    track.flush()
    assert list(drained(track)) == [], "a sixteenth of a second says nothing new"
