"""Audio files as ordinary programs write them: to a file, into a pipe, with tags, joined."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE

BITS = {"libopencore_amrnb": 12_200, "g726": 32_000, "libopus": 48_000}


@dataclass(frozen=True)
class Writer:
    """A muxer and codec of FFmpeg, with what limits them."""

    muxer: str
    codec: str
    rate: int = 16_000
    options: dict[str, str] = field(default_factory=dict)
    most_channels: int = 2

    def __str__(self) -> str:
        chosen = " ".join(f"{name}={value}" for name, value in self.options.items())
        return f"{self.muxer} {self.codec} {self.rate} {chosen}".strip()


class Pipe:
    """Takes bytes, and cannot go back to put in a size."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> int:
        """Append."""
        self.data += data
        return len(data)


def sound(seconds: float, rate: int = SAMPLE_RATE, seed: int = 0) -> NDArray[np.float32]:
    """Noise below 3 kHz with the rhythm of syllables (frames,): no part of it is like another."""
    random = np.random.default_rng(seed)
    count = int(seconds * SAMPLE_RATE)
    spectrum = np.fft.rfft(random.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    spectrum[(hertz < 200) | (hertz > 3_000)] = 0
    frames = int(seconds * rate)
    padded = np.zeros(frames // 2 + 1, complex)
    size = min(len(padded), len(spectrum))
    padded[:size] = spectrum[:size]
    noise = np.fft.irfft(padded, frames)
    swell = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * np.arange(frames) / rate + seed)
    return (0.15 * noise / noise.std() * swell).clip(-0.9, 0.9).astype(np.float32)


def written(
    writer: Writer,
    samples: NDArray[np.float32],
    *,
    channels: int = 1,
    pipe: bool = False,
    title: str = "",
) -> bytes:
    """The samples (frames,) on every channel, as FFmpeg writes them."""
    target = Pipe() if pipe else io.BytesIO()
    with av.open(target, mode="w", format=writer.muxer, options=dict(writer.options)) as container:
        if title:
            container.metadata["title"] = title
        layout = "mono" if channels == 1 else "stereo"
        stream = container.add_stream(writer.codec, rate=writer.rate, layout=layout)
        stream.bit_rate = BITS.get(writer.codec, 64_000)
        converter = av.AudioResampler(stream.format, layout, writer.rate, stream.frame_size or 1024)
        pcm = np.repeat((samples * 32_767).astype(np.int16)[:, None], channels, axis=1)
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = writer.rate
        for part in (*converter.resample(frame), *converter.resample(None)):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return bytes(target.data) if isinstance(target, Pipe) else target.getvalue()


def written_by_sndfile(
    kind: str, subtype: str | None, samples: NDArray[np.float32], rate: int, channels: int = 1
) -> bytes:
    """The samples (frames,) on every channel, as libsndfile writes them."""
    buffer = io.BytesIO()
    pcm = np.repeat(samples[:, None], channels, axis=1)
    soundfile.write(buffer, pcm, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def likeness(waveform: NDArray[np.float32], original: NDArray[np.float32]) -> float:
    """The highest correlation of two waveforms at 16 kHz, 1 where they are the same but shifted."""
    size = 1 << (len(waveform) + len(original)).bit_length()
    crossed = np.fft.rfft(waveform, size) * np.fft.rfft(original, size).conj()
    energy = float(np.square(waveform).sum() * np.square(original).sum())
    return float(np.fft.irfft(crossed, size).max() / np.sqrt(energy))


def _id3v2(size: int) -> bytes:
    """A tag with a picture of some bytes, of which some look like the beginning of a frame."""
    picture = b"image/png\0\3\0" + b"\xff\xfb\x90\x64" * (size // 4)
    frame = b"APIC" + len(picture).to_bytes(4, "big") + bytes(2) + picture
    length = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + length + frame


def _ape(items: int) -> bytes:
    """An APEv2 tag with header and footer."""
    item = b"\5\0\0\0\0\0\0\0Title\0hello"
    rest = (2000).to_bytes(4, "little") + (len(item) * items + 32).to_bytes(4, "little")
    rest += items.to_bytes(4, "little")
    header = b"APETAGEX" + rest + (0xA0000000).to_bytes(4, "little") + bytes(8)
    footer = b"APETAGEX" + rest + (0x80000000).to_bytes(4, "little") + bytes(8)
    return header + item * items + footer


BEFORE = {"ID3v2": _id3v2(4_000), "two ID3v2": _id3v2(40) + _id3v2(80), "zeros": bytes(512)}
AFTER = {
    "ID3v1": b"TAG" + b"title".ljust(125, b"\0"),
    "APEv2": _ape(3),
    "APEv2 and ID3v1": _ape(1) + b"TAG" + bytes(125),
    "Lyrics3": b"LYRICSBEGIN" + b"IND00002" + b"10" + b"000021" + b"LYRICS200",
    "zeros": bytes(3_000),
    "a few bytes": b"\x9b\xc1\x02" * 20,
}
