"""What comes through the door, and what is refused there."""

from __future__ import annotations

import csv
import io
import struct
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE, AudioLimits, read_audio
from models.errors import InputError

SECONDS = 1.0


def voice(rate: int = SAMPLE_RATE, seconds: float = SECONDS) -> NDArray[np.float32]:
    """A 440 Hz tone with a slow swell: easy to recognise after any codec."""
    t = np.arange(int(rate * seconds)) / rate
    return (0.3 * np.sin(2 * np.pi * 440 * t) * (1 + 0.3 * np.sin(6 * t))).astype(np.float32)


def encoded(
    kind: str, subtype: str | None = None, rate: int = SAMPLE_RATE, channels: int = 1
) -> bytes:
    """The tone as libsndfile writes it."""
    buffer = io.BytesIO()
    samples = np.repeat(voice(rate)[:, None], channels, axis=1)
    soundfile.write(buffer, samples, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def encoded_by_ffmpeg(muxer: str, codec: str, rate: int) -> bytes:
    """The tone as FFmpeg writes it."""
    buffer = io.BytesIO()
    with av.open(buffer, mode="w", format=muxer) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        stream.bit_rate = 12_200 if codec == "libopencore_amrnb" else 64_000
        samples = (voice(rate) * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return buffer.getvalue()


def pitch(waveform: NDArray[np.float32]) -> float:
    """The strongest frequency, in Hz."""
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return float(np.argmax(spectrum) * SAMPLE_RATE / len(waveform))


def refusal(source: Path | bytes, limits: AudioLimits | None = None) -> str:
    """The sentence with which a file or bytes are refused."""
    with pytest.raises(InputError) as caught:
        read_audio(
            source if isinstance(source, Path) else io.BytesIO(source), limits or AudioLimits()
        )
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_channel_count_becomes_mono_at_16_khz(rate: int, channels: int) -> None:
    waveform = read_audio(io.BytesIO(encoded("WAV", rate=rate, channels=channels)))

    assert waveform.dtype == np.float32 and waveform.ndim == 1
    assert len(waveform) == pytest.approx(SAMPLE_RATE * SECONDS, abs=2)
    assert pitch(waveform) == pytest.approx(440, abs=2)
    assert np.max(np.abs(waveform)) == pytest.approx(0.39, abs=0.02)


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [
        ("WAV", "PCM_U8"),
        ("WAV", "PCM_24"),
        ("WAV", "FLOAT"),
        ("WAV", "ALAW"),
        ("WAV", "IMA_ADPCM"),
        ("FLAC", None),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
        ("MP3", None),
        ("AIFF", None),
        ("AU", None),
        ("RF64", None),
        ("CAF", None),
        ("W64", None),
    ],
)
def test_what_libsndfile_writes_is_read(kind: str, subtype: str | None) -> None:
    waveform = read_audio(io.BytesIO(encoded(kind, subtype)))

    assert len(waveform) == pytest.approx(SAMPLE_RATE * SECONDS, abs=600)
    assert pitch(waveform) == pytest.approx(440, abs=2)


@pytest.mark.parametrize(
    ("muxer", "codec", "rate"),
    [
        ("amr", "libopencore_amrnb", 8_000),
        ("mp4", "aac", 44_100),
        ("ipod", "alac", 16_000),
        ("asf", "wmav2", 16_000),
        ("adts", "aac", 16_000),
        ("webm", "libopus", 48_000),
        ("wav", "g722", 16_000),
        ("wav", "g726", 8_000),
    ],
)
def test_what_only_ffmpeg_knows_is_read_too(muxer: str, codec: str, rate: int) -> None:
    waveform = read_audio(io.BytesIO(encoded_by_ffmpeg(muxer, codec, rate)))

    assert len(waveform) == pytest.approx(SAMPLE_RATE * SECONDS, abs=3_500)  # codec padding
    assert pitch(waveform) == pytest.approx(440, abs=2)


@pytest.mark.parametrize(
    ("suffix", "muxer", "codec", "rate"),
    [
        (".g722", "g722", "g722", 16_000),
        (".alaw", "alaw", "pcm_alaw", 8_000),
        (".ul", "mulaw", "pcm_mulaw", 8_000),
        (".sln", "s16le", "pcm_s16le", 8_000),
    ],
)
def test_files_without_a_header_are_known_by_their_suffix(
    tmp_path: Path, suffix: str, muxer: str, codec: str, rate: int
) -> None:
    path = tmp_path / f"prompt{suffix}"
    path.write_bytes(encoded_by_ffmpeg(muxer, codec, rate))

    assert pitch(read_audio(path)) == pytest.approx(440, abs=2)


def test_a_named_stream_is_read_like_the_file_it_came_from() -> None:
    upload = io.BytesIO(encoded_by_ffmpeg("g722", "g722", 16_000))
    upload.name = "prompt.G722"

    assert pitch(read_audio(upload)) == pytest.approx(440, abs=2)


def test_a_file_and_the_same_bytes_give_the_same_waveform(tmp_path: Path) -> None:
    path = tmp_path / "misleading.raw"
    path.write_bytes(encoded("FLAC"))

    np.testing.assert_array_equal(read_audio(path), read_audio(io.BytesIO(path.read_bytes())))


def test_long_audio_is_decoded_in_blocks_without_a_seam() -> None:
    samples = voice(48_000, 50.0)  # over two blocks
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 48_000, format="WAV", subtype="FLOAT")

    waveform = read_audio(io.BytesIO(buffer.getvalue()))

    expected = voice(SAMPLE_RATE, 50.0)
    np.testing.assert_allclose(waveform[800:-800], expected[800:-800], atol=1e-3)


def test_real_recordings_have_the_length_their_protocol_says(shared: Path) -> None:
    with (shared / "corpus" / "protocol.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))[::150]

    for row in rows:
        waveform = read_audio(shared / "corpus" / row["path"])
        assert len(waveform) / SAMPLE_RATE == pytest.approx(float(row["duration_s"]), abs=0.006)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "gone.wav") == f"{tmp_path / 'gone.wav'}: no such file"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "this is a folder" in refusal(tmp_path)


def test_something_that_is_no_regular_file_is_refused() -> None:
    assert "not a regular file" in refusal(Path("/dev/zero"))


def test_an_empty_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.touch()

    assert refusal(path) == f"{path}: empty, no bytes in it"
    assert refusal(b"") == "the audio: empty, no bytes in it"


@pytest.mark.parametrize(
    "data",
    [
        b"Dear sir or madam, " * 50,
        bytes(range(256)) * 40,
        b"\x89PNG\r\n\x1a\n" + bytes(500),
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/hostname\n",
        b"RIFF",
    ],
)
def test_what_is_not_audio_is_refused(data: bytes) -> None:
    assert refusal(data).startswith("the audio: not audio that can be read")


def test_a_playlist_opens_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "private.aac").write_bytes(encoded_by_ffmpeg("adts", "aac", 44_100))
    monkeypatch.chdir(tmp_path)

    assert "not audio" in refusal(b"ffconcat version 1.0\nfile private.aac\n")


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [
        ("WAV", None),
        ("WAV", "FLOAT"),
        ("RF64", None),
        ("AIFF", None),
        ("AU", None),
        ("CAF", None),
        ("W64", None),
        ("FLAC", None),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
        ("MP3", None),
    ],
)
@pytest.mark.parametrize("share", [0.5, 0.75])
def test_a_truncated_file_is_refused_in_one_sentence(
    kind: str, subtype: str | None, share: float
) -> None:
    data = encoded(kind, subtype)

    assert "truncated" in refusal(data[: int(len(data) * share)])


def test_an_ogg_file_without_a_page_of_samples_is_refused() -> None:
    data = encoded("OGG", "VORBIS")

    assert "last Ogg page is missing" in refusal(data[: data.rfind(b"OggS")])


def test_a_wav_that_lacks_one_sample_is_refused() -> None:
    data = encoded("WAV")

    sentence = refusal(data[:-2])

    expected = f"announces {len(data)} bytes, {len(data) - 2} are there"
    assert sentence.startswith("the audio: truncated") and expected in sentence


def test_an_mp4_whose_samples_are_missing_is_refused() -> None:
    data = encoded_by_ffmpeg("mp4", "alac", 16_000)

    start, end = data.find(b"mdat") - 4, data.rfind(b"moov") - 4
    half = (end - start) // 2

    sentence = refusal(
        data[:start] + struct.pack(">I", half) + data[start + 4 : start + half] + data[end:]
    )

    assert "truncated" in sentence


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF])
def test_a_streamed_wav_that_does_not_know_its_length_is_read(size: int) -> None:
    data = bytearray(encoded("WAV"))
    struct.pack_into("<I", data, data.find(b"data") + 4, size)

    assert len(read_audio(io.BytesIO(bytes(data)))) == SAMPLE_RATE


def test_a_wav_without_samples_is_too_short() -> None:
    data = encoded("WAV")[:44]

    assert "too short" in refusal(data[:40] + bytes(4))


def test_a_streamed_flac_that_does_not_know_its_length_is_read() -> None:
    assert len(read_audio(io.BytesIO(without_length(encoded("FLAC"))))) == SAMPLE_RATE


def without_length(flac: bytes) -> bytes:
    """A FLAC file whose STREAMINFO has zero as its number of samples."""
    data = bytearray(flac)
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    return bytes(data)


def test_flipped_bits_in_a_flac_are_refused() -> None:
    data = bytearray(encoded("FLAC"))
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(200)

    assert "decoding failed" in refusal(bytes(data)) or "truncated" in refusal(bytes(data))


def samples_as_wav(samples: NDArray[np.float32]) -> bytes:
    """32-bit float samples as a WAV file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, SAMPLE_RATE, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


@pytest.mark.parametrize("value", [0.0, 0.25, 1e-7])
def test_digital_silence_is_refused(value: float) -> None:
    samples = np.full(SAMPLE_RATE, value, np.float32)

    assert refusal(samples_as_wav(samples)) == "the audio: digital silence, no sound in it"


def test_the_quietest_16_bit_sound_is_not_silence() -> None:
    samples = np.zeros(SAMPLE_RATE, np.float32)
    samples[::2] = 2.0**-15

    assert len(read_audio(io.BytesIO(samples_as_wav(samples)))) == SAMPLE_RATE


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinite_samples_are_refused(value: float) -> None:
    samples = voice()
    samples[500] = value

    assert refusal(samples_as_wav(samples)) == "the audio: NaN or infinite samples in it"


def test_a_clip_too_short_to_judge_is_refused_with_its_length() -> None:
    assert "found 0.050 s" in refusal(samples_as_wav(voice(seconds=0.05)))


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (AudioLimits(bytes=1_000), "MiB expected, it is larger"),
        (AudioLimits(seconds=0.5), "at most 0.5 s expected, it is longer"),
        (AudioLimits(highest_rate=8_000), "found 16000 Hz"),
        (AudioLimits(lowest_rate=22_050), "found 16000 Hz"),
        (AudioLimits(channels=1), "at most 1 channels expected, found 2"),
    ],
)
def test_each_limit_is_named_when_it_is_passed(
    tmp_path: Path, limits: AudioLimits, expected: str
) -> None:
    path = tmp_path / "stereo.wav"
    path.write_bytes(encoded("WAV", channels=2))

    assert expected in refusal(path, limits)
    assert expected in refusal(path.read_bytes(), limits)


def silent_flac(seconds: int, rate: int = SAMPLE_RATE, channels: int = 1) -> bytes:
    """Hours of almost nothing in a few kilobytes."""
    buffer = io.BytesIO()
    block = np.zeros((rate, channels), np.int16)
    with soundfile.SoundFile(buffer, "w", rate, channels, format="FLAC", subtype="PCM_16") as file:
        for _ in range(seconds):
            file.write(block)
    return buffer.getvalue()


@pytest.mark.parametrize("lying", [False, True])
def test_a_small_file_that_unpacks_to_hours_takes_no_memory(lying: bool) -> None:
    bomb = silent_flac(1_200)
    data = without_length(bomb) if lying else bomb
    assert len(data) < 200_000

    tracemalloc.start()
    sentence = refusal(data, AudioLimits(seconds=10))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert "at most 10 s expected" in sentence
    assert peak < 40e6  # 1,200 s would be 77 MB


def test_a_header_with_an_absurd_rate_is_refused_before_decoding() -> None:
    data = bytearray(silent_flac(1, channels=8))
    data[18:21] = bytes([0x9F, 0xFF, (data[20] & 0x0F) | 0x60])  # 655,350 Hz

    assert "655350 Hz" in refusal(bytes(data))


@pytest.mark.parametrize(
    ("muxer", "codec", "rate"),
    [("mp4", "aac", 44_100), ("webm", "libopus", 48_000), ("wav", "g722", 16_000)],
)
def test_damaged_bytes_give_audio_or_one_sentence_and_nothing_else(
    muxer: str, codec: str, rate: int
) -> None:
    whole = encoded_by_ffmpeg(muxer, codec, rate)
    random = np.random.RandomState(1)
    for turn in range(60):
        data = bytearray(whole[: random.randint(1, len(whole))] if turn % 2 else whole)
        for place in random.randint(0, len(data), 8):
            data[place] = random.randint(256)
        try:
            assert np.isfinite(read_audio(io.BytesIO(bytes(data)))).all()
        except InputError as error:
            assert str(error).startswith("the audio: ") and "\n" not in str(error)
