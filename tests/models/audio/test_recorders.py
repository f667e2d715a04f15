"""What phones, browsers and call recorders write: each row of the table in docs/endpoint.md."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from models.audio.reading import read_channels
from models.audio.speech import why_unscorable
from tests.models.audio.writers import Writer, likeness, written, written_by_sndfile

Wave = NDArray[np.float32]
DOCS = Path(__file__).resolve().parents[3] / "docs" / "endpoint.md"
# what a row of the table calls it: how it is written, and how alike the speech must be
SNDFILE = {
    "WAV, 16-bit PCM, 8 kHz": ("WAV", "PCM_16", 8_000, ".wav"),
    "WAV, 8-bit PCM, 8 kHz": ("WAV", "PCM_U8", 8_000, ".wav"),
    "WAV, 24-bit PCM, 48 kHz": ("WAV", "PCM_24", 48_000, ".wav"),
    "WAV, float, 44.1 kHz": ("WAV", "FLOAT", 44_100, ".wav"),
    "WAV, G.711 µ-law, 8 kHz": ("WAV", "ULAW", 8_000, ".wav"),
    "WAV, G.711 A-law, 8 kHz": ("WAV", "ALAW", 8_000, ".wav"),
    "WAV, GSM 6.10, 8 kHz": ("WAV", "GSM610", 8_000, ".wav"),
    "WAV, IMA ADPCM, 8 kHz": ("WAV", "IMA_ADPCM", 8_000, ".wav"),
    "raw G.711 µ-law, 8 kHz": ("RAW", "ULAW", 8_000, ".ulaw"),
    "raw G.711 A-law, 8 kHz": ("RAW", "ALAW", 8_000, ".alaw"),
    "raw GSM, 8 kHz": ("RAW", "GSM610", 8_000, ".gsm"),
    "FLAC, 16 kHz": ("FLAC", "PCM_16", 16_000, ".flac"),
}
FFMPEG = {
    "raw G.722, 16 kHz": (Writer("g722", "g722", 16_000), ".g722"),
    "MP3, 44.1 kHz": (Writer("mp3", "libmp3lame", 44_100), ".mp3"),
    "Ogg Opus, 48 kHz": (Writer("ogg", "libopus", 48_000), ".opus"),
    "WebM Opus, 48 kHz": (Writer("webm", "libopus", 48_000), ".webm"),
    "M4A AAC, 44.1 kHz": (Writer("ipod", "aac", 44_100), ".m4a"),
    "AAC (ADTS), 16 kHz": (Writer("adts", "aac", 16_000), ".aac"),
    "AMR, 8 kHz": (Writer("amr", "libopencore_amrnb", 8_000), ".amr"),
}
STEREO = {
    "WAV, 16-bit PCM, 8 kHz, a party a channel": ("WAV", "PCM_16", ".wav"),
    "WAV, G.711 µ-law, 8 kHz, a party a channel": ("WAV", "ULAW", ".wav"),
    "WAV, G.711 A-law, 8 kHz, a party a channel": ("WAV", "ALAW", ".wav"),
    "FLAC, 8 kHz, a party a channel": ("FLAC", "PCM_16", ".flac"),
}
ALIKE = 0.7  # correlation of the waveforms below 4 kHz; AMR, the coarsest codec here, has 0.76


@pytest.fixture(scope="module")
def party(shared: Path) -> Wave:
    """A human recording of three seconds."""
    folder = shared / "corpus" / "bonafide" / "asterisk_en"
    return _first_long(folder)


@pytest.fixture(scope="module")
def other_party(shared: Path) -> Wave:
    """A synthetic one."""
    return _first_long(shared / "corpus" / "spoof" / "svox_pico")


def _first_long(folder: Path) -> Wave:
    for path in sorted(folder.glob("*.flac")):
        wave: Wave = soundfile.read(path, dtype="float32")[0]
        if wave.size > 48_000:
            return wave[:48_000]
    raise AssertionError(folder)


def resampled(wave: Wave, rate: int) -> Wave:
    import soxr

    return np.asarray(soxr.resample(wave, 16_000, rate), dtype=np.float32)


def heard_as(data: bytes, suffix: str, channel: str = "mix") -> Wave:
    stream = io.BytesIO(data)
    stream.name = f"call{suffix}"
    return read_channels(stream, channel)


def check(wave: Wave, party: Wave) -> None:
    assert wave.size / 16_000 == pytest.approx(3.0, abs=0.15)
    assert likeness(resampled(wave, 8_000), resampled(party, 8_000)) > ALIKE
    assert why_unscorable(wave) is None


@pytest.mark.parametrize("row", SNDFILE)
def test_a_file_of_a_recorder_is_heard_as_it_was_spoken(row: str, party: Wave) -> None:
    kind, subtype, rate, suffix = SNDFILE[row]
    data = written_by_sndfile(kind, subtype, resampled(party, rate), rate)
    check(heard_as(data, suffix)[0], party)


@pytest.mark.parametrize("row", FFMPEG)
def test_a_file_of_a_phone_or_browser_is_heard_as_it_was_spoken(row: str, party: Wave) -> None:
    writer, suffix = FFMPEG[row]
    data = written(writer, resampled(party, writer.rate))
    check(heard_as(data, suffix)[0], party)


@pytest.mark.parametrize("row", STEREO)
def test_each_party_of_a_stereo_call_is_heard_alone(
    row: str, party: Wave, other_party: Wave
) -> None:
    kind, subtype, suffix = STEREO[row]
    voices = np.stack([resampled(wave, 8_000) for wave in (party, other_party)], axis=1)
    stream = io.BytesIO()
    soundfile.write(stream, voices, 8_000, format=kind, subtype=subtype)
    for wave, expected in zip(
        heard_as(stream.getvalue(), suffix, "each"), (party, other_party), strict=True
    ):
        check(wave, expected)


def test_the_table_in_the_docs_has_exactly_these_rows() -> None:
    table = DOCS.read_text("utf-8").partition("| recording | from |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (\w[^|]*?) \|", table, re.MULTILINE)
    assert sorted(rows) == sorted([*SNDFILE, *FFMPEG, *STEREO])
