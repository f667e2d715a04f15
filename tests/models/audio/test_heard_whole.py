"""Whatever wrote a file: it is heard whole, or refused with its reason."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from models.audio.reading import SAMPLE_RATE, read_audio
from models.errors import InputError
from tests.models.audio.writers import AFTER, BEFORE, Writer, likeness, sound, written

LIVE = {"movflags": "frag_keyframe+empty_moov", "frag_duration": "300000"}
NO_XING = {"write_xing": "0"}
WRITERS = [
    *(Writer("wav", codec) for codec in ("pcm_s16le", "pcm_s24le", "pcm_f32le", "pcm_u8")),
    *(Writer("wav", codec) for codec in ("pcm_alaw", "pcm_mulaw", "adpcm_ms", "adpcm_ima_wav")),
    *(Writer("wav", codec) for codec in ("g722", "mp2")),
    Writer("wav", "mp3", 44_100),
    Writer("wav", "g726", 8_000, {}, 1),
    Writer("wav", "pcm_s16le", 16_000, {"rf64": "always"}),
    *(Writer("w64", codec) for codec in ("pcm_s16le", "pcm_f32le", "adpcm_ms")),
    *(Writer("aiff", codec) for codec in ("pcm_s16be", "pcm_s24be", "pcm_mulaw", "adpcm_ima_qt")),
    *(Writer("au", codec) for codec in ("pcm_s16be", "pcm_mulaw")),
    *(Writer("caf", codec) for codec in ("pcm_s16le", "alac")),
    Writer("ogg", "libopus", 48_000),
    Writer("flac", "flac", 44_100),
    *(Writer("mp3", "libmp3lame", rate, o) for rate in (16_000, 44_100) for o in ({}, NO_XING)),
    Writer("mp2", "mp2"),
    *(Writer("adts", "aac", rate, {"write_id3v2": "1"}) for rate in (16_000, 44_100)),
    *(Writer("ipod", codec, 44_100, o) for codec in ("aac", "alac") for o in ({}, LIVE)),
    Writer("mp4", "libopus", 48_000),
    *(Writer("webm", "libopus", 48_000, options) for options in ({}, {"live": "1"})),
    *(Writer("matroska", codec, 44_100) for codec in ("aac", "pcm_s16le")),
    Writer("asf", "wmav2", 44_100),
    Writer("amr", "libopencore_amrnb", 8_000, {}, 1),
    Writer("eac3", "eac3", 48_000),
    Writer("tta", "tta"),
    Writer("wv", "wavpack"),
]
# what a codec adds for its delay and to fill its last frame, on both sides, in seconds
DELAY_S = 0.16


def can_stream(writer: Writer) -> bool:
    """Whether FFmpeg writes it where it cannot go back."""
    if writer.muxer in ("ipod", "mp4"):
        return writer.options == LIVE
    return (writer.muxer, writer.codec) != ("caf", "alac")


def audible(data: bytes) -> np.ndarray:
    """The waveform of a file without a name."""
    return read_audio(io.BytesIO(data))


def parts_of_sound(lengths: list[float], writer: Writer) -> list[np.ndarray]:
    """Sounds of these lengths in seconds, each another one."""
    return [sound(length, writer.rate, seed) for seed, length in enumerate(lengths)]


@settings(max_examples=150, deadline=None, derandomize=True, phases=[Phase.generate])
@given(
    st.sampled_from(WRITERS),
    st.lists(st.floats(0.8, 2.0), min_size=1, max_size=2),
    st.booleans(),
    st.integers(1, 2),
    st.sampled_from(["", *BEFORE]),
    st.sampled_from(["", *AFTER]),
)
def test_every_sample_that_was_written_is_heard(
    writer: Writer, lengths: list[float], pipe: bool, channels: int, before: str, after: str
) -> None:
    files = [
        written(
            writer,
            samples,
            channels=min(channels, writer.most_channels),
            pipe=pipe and can_stream(writer),
        )
        for samples in parts_of_sound(lengths, writer)
    ]
    ending = AFTER.get(after, b"")
    if pipe:
        ending = b""  # behind samples of unknown length nothing but samples can stand

    waveform = audible(BEFORE.get(before, b"") + ending.join(files) + ending)

    assert len(waveform) / SAMPLE_RATE == pytest.approx(
        sum(lengths), abs=DELAY_S * len(files), rel=0
    )
    position = 0
    for seed, length in enumerate(lengths):
        end = position + int((length + DELAY_S) * SAMPLE_RATE)
        original = sound(length, SAMPLE_RATE, seed)
        # another sound is like it by 0.1; AMR, the poorest codec here, leaves about 0.75
        assert likeness(waveform[max(position - 2_600, 0) : end + 2_600], original) > 0.5
        position += int(length * SAMPLE_RATE)


@pytest.mark.parametrize("writer", WRITERS, ids=str)
def test_a_file_that_lost_its_end_is_refused(writer: Writer) -> None:
    data = written(writer, sound(1.5, writer.rate))

    for share in (0.34, 0.77, 0.99):
        # a number of bytes that no codec here has in a frame
        with pytest.raises(InputError) as refused:
            audible(data[: int(len(data) * share) | 1])
        assert "\n" not in str(refused.value)


# Matroska and ASF have no checksums, and FFmpeg looks for the next block behind a damaged one.
CHECKED = [writer for writer in WRITERS if writer.muxer not in ("matroska", "webm", "asf")]


@pytest.mark.parametrize("writer", CHECKED, ids=str)
def test_damage_in_the_middle_gives_a_sentence_or_all_of_the_length(writer: Writer) -> None:
    whole = written(writer, sound(1.5, writer.rate))
    length = len(audible(whole))
    random = np.random.default_rng(5)
    for _ in range(8):
        data = bytearray(whole)
        start = int(random.integers(len(data) // 4, len(data) * 3 // 4))
        data[start : start + 40] = random.bytes(40)
        try:
            waveform = audible(bytes(data))
        except InputError as error:
            assert "\n" not in str(error)
        else:
            assert len(waveform) > 0.93 * length


def test_a_flac_file_that_ends_in_zeros_of_its_last_frame_is_heard_whole() -> None:
    rng = np.random.default_rng(8)
    endings = set()
    for frames in range(SAMPLE_RATE, SAMPLE_RATE + 4_000):  # one in 256 ends so
        stream = io.BytesIO()
        soundfile.write(stream, rng.normal(0, 0.1, frames), SAMPLE_RATE, format="FLAC")
        data = stream.getvalue()
        if data.endswith(b"\0"):
            assert audible(data).size == audible(data + bytes(64)).size == frames
            endings.add(frames)
        if len(endings) == 3:
            return
    pytest.fail("no FLAC file of these ended in a zero")


@pytest.mark.slow
def test_every_file_of_the_corpus_is_heard_to_its_last_sample(shared: Path) -> None:
    for path in sorted((shared / "corpus").rglob("*.flac")):
        assert read_audio(path).size == soundfile.info(path).frames, path
