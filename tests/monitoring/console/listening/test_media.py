"""A recording is seen and heard as it is, to the sample, while it is still being read."""

from __future__ import annotations

import hashlib
import io
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from infra.errors import UnreachableError
from monitoring.console.media import ranges, spectrogram
from monitoring.console.media.decoding import DecoderProcess
from monitoring.console.media.library import Library, SourceRecording
from monitoring.console.media.rendition import Progress, Rendition
from tests.monitoring.console.listening.field import RATE, tone, wave

PATIENCE_S = 60.0
Open = Callable[..., Rendition]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    opened = Library(tmp_path_factory.mktemp("renditions"))
    opened.start()
    yield opened
    opened.close()


@pytest.fixture
def opened(library: Library) -> Open:
    """Opens bytes as the console does, and waits until all of it is there."""

    def open_bytes(data: bytes, suffix: str = ".wav", seconds: float | None = None) -> Rendition:
        rendition = library.open(recording(data, suffix, seconds))
        rendition.wait(1 << 62, PATIENCE_S)
        return rendition

    return open_bytes


def recording(data: bytes, suffix: str = ".wav", seconds: float | None = None) -> SourceRecording:
    sha256 = hashlib.sha256(data + suffix.encode()).hexdigest()
    return SourceRecording(sha256, suffix, seconds, lambda into: _write(into, data))


def _write(into: Path, data: bytes) -> None:
    into.write_bytes(data)


@pytest.fixture(scope="module")
def stereo() -> NDArray[np.int16]:
    """Six seconds of two unrelated channels (frames, 2)."""
    draw = np.random.default_rng(4)
    return draw.integers(-20_000, 20_000, (6 * RATE + 77, 2), dtype=np.int16)


@pytest.fixture(scope="module")
def flac(stereo: NDArray[np.int16]) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, stereo, RATE, format="FLAC")
    return stream.getvalue()


def test_any_range_of_the_sound_is_that_range_of_the_decoded_file(
    opened: Open, flac: bytes, stereo: NDArray[np.int16]
) -> None:
    rendition = opened(flac, ".flac", len(stereo) / RATE)
    size = ranges.wave_size(rendition)
    whole = b"".join(ranges.wave_bytes(rendition, "1", 0, size))
    samples, rate = soundfile.read(io.BytesIO(whole), dtype="int16")
    assert rate == RATE
    assert np.abs(samples.astype(int) - stereo[:, 1]).max() <= 1  # through float and back
    for start, stop in [(0, 2), (43, 46), (45, 45 + 70_001), (size - 3, size), (131_117, 131_118)]:
        assert b"".join(ranges.wave_bytes(rendition, "1", start, stop)) == whole[start:stop]


def test_the_mix_is_the_mean_of_the_channels(
    opened: Open, flac: bytes, stereo: NDArray[np.int16]
) -> None:
    rendition = opened(flac, ".flac", len(stereo) / RATE)
    mix = rendition.sound(0, len(stereo), "mix")
    assert np.abs(mix - stereo.mean(axis=1)).max() <= 1.5
    assert [rendition.has(name) for name in ("mix", "0", "1", "2", "left")] == [True] * 3 + [
        False
    ] * 2


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, (0, 1000)),
        ("bytes=0-", (0, 1000)),
        ("bytes=10-19", (10, 20)),
        ("bytes=990-5000", (990, 1000)),
        ("bytes=-5", (995, 1000)),
        ("bytes=1000-", None),
        ("bytes=20-10", None),
        ("bytes=0-1,5-6", (0, 1000)),
        ("lines=1-2", (0, 1000)),
        ("bytes=-", (0, 1000)),
    ],
)
def test_a_range_means_what_rfc_9110_says(header: str | None, expected: object) -> None:
    assert ranges.wanted(header, 1000) == expected


@pytest.mark.parametrize(
    ("start", "stop", "columns"), [(0, 96_077, 7), (0, 96_077, 200), (5_000, 6_000, 100)]
)
@pytest.mark.parametrize("channel", ["0", "mix"])
def test_peaks_are_the_lowest_and_highest_sample_of_their_columns(
    opened: Open, flac: bytes, start: int, stop: int, columns: int, channel: str
) -> None:
    rendition = opened(flac, ".flac", 96_077 / RATE)
    peaks = rendition.peaks(start, stop, columns, channel)
    samples = rendition.sound(start, stop, channel)
    parts = np.array_split(samples, columns)
    assert peaks.shape == (columns, 2)
    assert peaks[:, 0].min() == samples.min()
    assert peaks[:, 1].max() == samples.max()
    inner = np.array([[part.min(), part.max()] for part in parts])
    # a block of 256 frames may lie on the edge of two columns, and random samples differ there
    near = np.abs(peaks.astype(int) - inner) <= 1_500
    assert near.mean() > 0.95


def test_columns_behind_the_end_are_silent(opened: Open) -> None:
    rendition = opened(tone(300.0, 1.0))
    peaks = rendition.peaks(0, 4 * RATE, 400, "mix")
    assert np.abs(peaks[:99]).max(axis=1).min() >= 0
    assert np.abs(peaks[20:80]).max() > 5_000
    assert not peaks[101:].any()


@pytest.mark.parametrize("hertz", [500.0, 3_000.0, 7_000.0])
@pytest.mark.parametrize("level", [0, 2])
def test_a_tile_is_brightest_at_the_frequency_of_a_tone(
    opened: Open, hertz: float, level: int
) -> None:
    rendition = opened(tone(hertz, 3.0))
    pixels = read_png(spectrogram.tile(rendition, level, 0, "mix"))
    assert pixels.shape == (spectrogram.ROWS, spectrogram.COLUMNS)
    brightest = pixels[:, 60:200].sum(axis=1).argmax()
    height = (spectrogram.ROWS - brightest - 0.5) / spectrogram.ROWS * spectrogram.highest_hz(RATE)
    assert abs(height - hertz) < 100


def test_a_tile_shows_the_time_at_which_a_sound_begins(opened: Open) -> None:
    frames = np.zeros((4 * RATE, 1))
    frames[2 * RATE :] = np.random.default_rng(1).normal(0, 0.1, (2 * RATE, 1))
    pixels = read_png(spectrogram.tile(opened(wave(frames)), 2, 0, "mix"))  # 16 ms a column
    loud = pixels.mean(axis=0) > 60
    assert abs(int(loud.argmax()) - 125) <= 2
    assert not loud[251:].any()


def test_a_recording_of_no_known_length_is_read_to_its_end(opened: Open) -> None:
    rendition = opened(webm(2.0), ".webm")
    assert rendition.progress is Progress.READY
    assert rendition.rate == 48_000
    assert rendition.frames is not None
    assert abs(rendition.frames / rendition.rate - 2.0) < 0.1


def test_what_two_recordings_make_up_is_heard_whole(opened: Open) -> None:
    first, second = ogg(440.0), ogg(880.0)
    rendition = opened(first + second, ".ogg", 3.0)
    assert rendition.progress is Progress.READY
    assert rendition.frames == 3 * RATE
    spectrum = np.abs(np.fft.rfft(rendition.sound(2 * RATE, 3 * RATE, "mix")))
    assert abs(int(spectrum.argmax()) - 880) <= 2


def bomb() -> bytes:
    """A small FLAC of hours of silence at the highest rate."""
    stream = io.BytesIO()
    with soundfile.SoundFile(stream, "w", 192_000, 1, format="FLAC") as file:
        for _ in range(40):
            file.write(np.zeros(192_000, np.int16))
    data = bytearray(stream.getvalue())
    at = data.index(b"fLaC") + 8 + 13
    data[at : at + 5] = b"\xff" * 5  # the number of samples: as many as can be said
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "suffix", "seconds", "sentence"),
    [
        (b"no audio at all, only text" * 99, ".wav", 2.0, "no format that is known"),
        (b"", ".wav", 2.0, "known"),
        (bomb(), ".flac", None, "expected|truncated|damaged"),
        (bomb(), ".flac", 0xFFFFFFFFF / 192_000, "h expected|GiB"),
        (tone(300.0)[:-20_000], ".wav", 1.5, "announces"),
    ],
)
def test_what_cannot_be_heard_is_refused_in_a_sentence(
    opened: Open, data: bytes, suffix: str, seconds: float | None, sentence: str
) -> None:
    rendition = opened(data, suffix, seconds)
    assert rendition.progress is Progress.REFUSED
    assert re.search(sentence, rendition.sentence), rendition.sentence
    assert "\n" not in rendition.sentence


def test_a_recording_that_hangs_its_decoder_is_refused_and_the_next_is_read(
    tmp_path: Path,
) -> None:
    process, answers = DecoderProcess(patience_s=0.2), []
    try:
        os.mkfifo(tmp_path / "hangs")  # nobody ever writes into it
        order = {"suffix": ".wav", "seconds": 1.5, "folder": str(tmp_path)}
        process.decode({**order, "path": str(tmp_path / "hangs")}, answers.append)
        assert "hung" in answers[-1]["refused"]
        process._patience_s = PATIENCE_S
        (tmp_path / "sounds").write_bytes(tone(300.0))
        process.decode({**order, "path": str(tmp_path / "sounds")}, answers.append)
        assert answers[-1] == {"end": 24_000}
    finally:
        process.close()


def test_an_outage_of_the_store_is_no_answer_and_is_tried_again(library: Library) -> None:
    data, is_down = tone(321.0), [True]

    def fetch(into: Path) -> None:
        if is_down.pop() if is_down else False:
            raise UnreachableError("the store cannot be reached")
        into.write_bytes(data)

    source = SourceRecording(hashlib.sha256(data).hexdigest(), ".wav", 1.5, fetch)
    rendition = library.open(source)
    assert not rendition.wait(1 << 62, PATIENCE_S)
    assert rendition.progress is Progress.FAILED
    again = library.open(source)
    assert again.wait(24_000, PATIENCE_S)


def test_what_was_decoded_serves_the_next_console_and_what_was_not_does_not(
    tmp_path: Path,
) -> None:
    first, source = Library(tmp_path), recording(tone(400.0))
    first.start()
    first.open(source).wait(1 << 62, PATIENCE_S)
    first.close()
    half = tmp_path / f".{'0' * 64}.of-a-killed-console"
    half.mkdir()
    os.utime(half, (0, 0))

    def fetch(_: Path) -> None:
        raise AssertionError("it is on the disk")

    second = Library(tmp_path)
    rendition = second.open(SourceRecording(source.sha256, ".wav", None, fetch))
    assert rendition.progress is Progress.READY
    assert not half.exists()
    second.forget(source.sha256)
    assert list(tmp_path.iterdir()) == []
    assert rendition.sound(0, 10, "mix").shape == (10,)  # a page in use goes on
    second.close()


def test_what_is_too_much_or_too_old_is_forgotten(tmp_path: Path) -> None:
    library = Library(tmp_path)
    library.start()
    sources = [recording(tone(hertz, 1.0)) for hertz in (200.0, 300.0, 400.0)]
    for source in sources:
        library.open(source).wait(1 << 62, PATIENCE_S)
    library.close()
    used = {source.sha256: at for at, source in enumerate(sources, start=10**9)}
    for name, at in used.items():
        os.utime(tmp_path / name / "ready.json", (at, at))
    assert library.prune(kept_bytes=70_000, kept_s=1e12) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        source.sha256 for source in sources[1:]
    )
    assert library.prune(kept_s=3_600.0) == 2


def webm(seconds: float) -> bytes:
    """Opus in WebM as a browser's MediaRecorder makes it: its header says no duration."""
    stream = io.BytesIO()
    with av.open(stream, "w", format="webm", options={"live": "1"}) as container:
        track = container.add_stream("libopus", rate=48_000, layout="mono")
        time = np.arange(round(seconds * 48_000)) / 48_000
        samples = (np.sin(2 * np.pi * 440 * time) * 9_000).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = 48_000
        for packet in [*track.encode(frame), *track.encode(None)]:
            container.mux(packet)
    return stream.getvalue()


def ogg(hertz: float) -> bytes:
    """Vorbis in Ogg, 1.5 s."""
    stream = io.BytesIO()
    time = np.arange(24_000) / RATE
    soundfile.write(
        stream, 0.3 * np.sin(2 * np.pi * hertz * time), RATE, format="OGG", subtype="VORBIS"
    )
    return stream.getvalue()


def read_png(data: bytes) -> NDArray[np.uint8]:
    """The palette indexes (rows, columns)."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    columns, rows = struct.unpack(">II", data[16:24])
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        packed += data[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    lines = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(rows, columns + 1)
    return lines[:, 1:]
