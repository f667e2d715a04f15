"""Files as people really have them, and what went wrong with each kind."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE, read_audio
from models.errors import InputError
from tests.models.audio.writers import (
    AFTER,
    BEFORE,
    Writer,
    likeness,
    sound,
    written,
    written_by_sndfile,
)

SOUND = sound(1.5)
WAV = written_by_sndfile("WAV", "PCM_16", SOUND, SAMPLE_RATE)
DATA = WAV.find(b"data")
VBR = Writer("mp3", "libmp3lame", 44_100, {"write_xing": "0"})


def audible(data: bytes, name: str = "") -> NDArray[np.float32]:
    """The waveform of a file."""
    stream = io.BytesIO(data)
    stream.name = name
    return read_audio(stream)


def refusal(data: bytes, name: str = "") -> str:
    """The sentence that refuses a file."""
    with pytest.raises(InputError) as refused:
        audible(data, name)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def float_wav(channels: NDArray[np.float32]) -> bytes:
    """Channels (frames, channels) as a float WAV at 16 kHz."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, channels, SAMPLE_RATE, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


def band(signal: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """The signal with one band of frequencies inverted."""
    spectrum = np.fft.rfft(signal)
    hertz = np.fft.rfftfreq(len(signal), 1 / SAMPLE_RATE)
    spectrum[(hertz >= low) & (hertz < high)] *= -1
    return np.fft.irfft(spectrum, len(signal)).astype(np.float32)


def for_a_while(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """The signal, its last half inverted."""
    return np.concatenate([signal[: len(signal) // 2], -signal[len(signal) // 2 :]])


CANCELLING: dict[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    "inverted": lambda left: -left,
    "inverted and quieter": lambda left: -0.9 * left,
    "inverted in one band": lambda left: band(left, 1_000, 2_000),
    "inverted for a while": for_a_while,
    "inverted and late": lambda left: -np.roll(left, 2),
}


@pytest.mark.parametrize("kind", CANCELLING)
def test_channels_that_cancel_are_never_averaged(kind: str) -> None:
    left = sound(2.0)
    assert "channels cancel" in refusal(float_wav(np.stack([left, CANCELLING[kind](left)], 1)))


@pytest.mark.parametrize("codec", ["aac", "libmp3lame", "libopus"])
def test_no_codec_hides_that_channels_cancel(codec: str) -> None:
    import av

    left = sound(2.0, 48_000)
    buffer = io.BytesIO()
    with av.open(buffer, mode="w", format="matroska") as container:
        stream = container.add_stream(codec, rate=48_000, layout="stereo")
        converter = av.AudioResampler(stream.format, "stereo", 48_000, stream.frame_size or 1024)
        pcm = (np.stack([left, -0.9 * left]) * 32_767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(pcm, format="s16p", layout="stereo")
        frame.sample_rate = 48_000
        for part in (*converter.resample(frame), *converter.resample(None)):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))

    assert "channels cancel" in refusal(buffer.getvalue())


def test_channels_that_do_not_cancel_are_averaged() -> None:
    left = sound(2.0)
    other = sound(2.0, seed=1)
    room = np.convolve(left, np.r_[0.7, np.zeros(200), 0.5, np.zeros(900), 0.3])[: len(left)]
    for right in (left, 0.3 * left, other, np.zeros_like(left), room):
        mono = audible(float_wav(np.stack([left, right], 1).astype(np.float32)))
        assert likeness(mono, (left + right) / 2) > 0.999


def test_eight_channels_of_a_compressed_file_end_no_process() -> None:
    flac = written_by_sndfile("FLAC", None, sound(0.5), SAMPLE_RATE, channels=8)
    assert likeness(audible(flac), sound(0.5)) > 0.999


def test_a_broadcast_that_was_joined_late_has_pages_from_later_on() -> None:
    data = written(
        Writer("ogg", "libopus", 48_000, {"page_duration": "100000"}), sound(2.0, 48_000)
    )
    pages = [part for part in data.split(b"OggS") if part]
    late = b"OggS" + b"OggS".join(pages[:2] + pages[5:])
    assert len(audible(late)) > 1.4 * SAMPLE_RATE
    lost = b"OggS" + b"OggS".join(pages[:6] + pages[8:])
    assert "pages" in refusal(lost) and "missing" in refusal(lost)


def test_an_ogg_without_its_last_flag_is_heard_and_one_cut_within_a_page_is_not() -> None:
    data = written_by_sndfile("OGG", "OPUS", SOUND, SAMPLE_RATE)
    assert "cut" in refusal(data[:-9])
    last = data.rfind(b"OggS")
    page = bytearray(data[last:])
    page[5] &= ~4
    page[22:26] = bytes(4)
    page[22:26] = _ogg_checksum(bytes(page)).to_bytes(4, "little")
    assert likeness(audible(data[:last] + bytes(page)), SOUND) > 0.9


def _ogg_checksum(page: bytes) -> int:
    """CRC-32 as RFC 3533 describes it, bit by bit."""
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7 if value & 1 << 31 else value << 1) & 0xFFFFFFFF
    return value


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("before", BEFORE)
def test_tags_are_no_audio(before: str, after: str) -> None:
    data = written(VBR, sound(1.5, 44_100))
    tagged = audible(BEFORE[before] + data + AFTER[after])
    np.testing.assert_array_equal(tagged, audible(data))


def with_sizes(riff: int, data: int) -> bytes:
    """A WAV file as a writer leaves it that never went back."""
    changed = bytearray(WAV)
    struct.pack_into("<I", changed, 4, riff)
    struct.pack_into("<I", changed, DATA + 4, data)
    return bytes(changed)


@pytest.mark.parametrize(
    "sizes",
    [
        (0, 0),
        (0xFFFFFFFF, 0xFFFFFFFF),
        (0x7FFFFFFF, 0x7FFFFFDB),
        (0x7FFFF024, 0x7FFFF000),  # SoX
        (0x7FFFF023, 0x7FFFEFFF),  # SoX, 24 bits
        (0x80000024, 0x80000000),  # arecord
        (36, 0),
        (len(WAV) - 8, 0),
    ],
)
def test_a_wav_whose_writer_never_came_back_is_all_that_is_there(sizes: tuple[int, int]) -> None:
    np.testing.assert_array_equal(audible(with_sizes(*sizes)), audible(WAV))


@pytest.mark.parametrize("size", [0, 2**64 - 1])
def test_an_rf64_without_its_long_size_is_all_that_is_there(size: int) -> None:
    long = b"ds64" + struct.pack("<IQQQI", 28, size, size, size, 0)
    fmt = WAV[12:DATA]
    for magic in (b"RF64", b"BW64"):
        data = magic + b"\xff" * 4 + b"WAVE" + long + fmt + b"data" + b"\xff" * 4 + WAV[DATA + 8 :]
        np.testing.assert_array_equal(audible(data), audible(WAV))


def test_a_wav_that_ends_before_its_samples_do_is_refused() -> None:
    later = with_sizes(36 + 8_000, 8_000)  # sizes of an earlier moment
    assert "are no audio that is known" in refusal(later)


def test_a_wav_with_its_samples_in_pieces_is_refused() -> None:
    assert "several pieces" in refusal(WAV + WAV[DATA:])


@pytest.mark.parametrize("name", ["call.ulaw", "call.alaw", "call.g722", "call.gsm", "call.sln"])
def test_what_the_bytes_say_beats_the_suffix(name: str) -> None:
    for data in (WAV, written(VBR, sound(1.5, 44_100))):
        np.testing.assert_array_equal(audible(data, name), audible(data))
    for other in (b"%PDF-1.7\n" + bytes(9_000), b"PK\x03\x04" + bytes(900), b"a letter, " * 400):
        assert "no raw samples" in refusal(other, name)


@pytest.mark.parametrize(
    ("factor", "expected"), [(32_768, "times full scale"), (np.inf, "infinite samples")]
)
def test_samples_far_above_full_scale_are_refused(factor: float, expected: str) -> None:
    assert expected in refusal(float_wav(SOUND[:, None] * np.float32(factor)))
    one = SOUND.copy()
    one[700] = min(factor, 3e38) if factor == 32_768 else factor
    assert expected in refusal(float_wav(one[:, None]))


def test_one_absurd_sample_names_its_file(tmp_path: Path) -> None:
    samples = SOUND.copy()
    samples[99] = 3e38
    path = tmp_path / "huge.wav"
    path.write_bytes(float_wav(samples[:, None]))
    with pytest.raises(InputError, match=r"huge\.wav: samples up to 3e\+38 times full scale"):
        read_audio(path)


def test_a_second_audio_track_is_refused() -> None:
    import av

    buffer = io.BytesIO()
    with av.open(buffer, mode="w", format="matroska") as container:
        streams = [container.add_stream("pcm_s16le", rate=16_000, layout="mono") for _ in "ab"]
        for stream in streams:
            pcm = (SOUND * 32_767).astype(np.int16)[None]
            frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
            frame.sample_rate = 16_000
            container.mux(stream.encode(frame))
    assert "one audio stream expected, 2 in it" in refusal(buffer.getvalue())


HEARD_S = {
    "art_noxing.mp3": 4.1,
    "human.mp3": 1.5,
    "human_then_svox.mp3": 4.7,
    "mp3_in.wav": 4.1,
    "opus_noeos.oga": 4.0,
    "sox_pipe_24bit.wav": 1.0,
    "svox_pico_same.m4a": 3.2,
    "unfinished_sizes_zero.wav": 1.0,
    "vbr_noxing.mp3": 4.0,
    "wav_named.ulaw": 4.0,
}
REFUSED = {
    "f32_int16range.wav": "times full scale",
    "f32_one_huge_sample.wav": "times full scale",
    "svox_pico_anti.m4a": "channels cancel",
}


def test_the_files_that_went_wrong_are_heard_whole_or_refused(shared: Path) -> None:
    folder = shared / "cases"
    if not folder.is_dir():
        pytest.skip("needs shared/cases")
    for name, seconds in HEARD_S.items():
        assert len(read_audio(folder / name)) / SAMPLE_RATE == pytest.approx(seconds, abs=0.1), name
    for name, reason in REFUSED.items():
        with pytest.raises(InputError, match=reason):
            read_audio(folder / name)
