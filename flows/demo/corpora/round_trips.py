"""Codecs as round trips: a waveform as it sounds after having been coded."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE

Waveform = NDArray[np.float32]
MP3_DELAY = 576 + 529  # samples, of the encoder and of the decoder
PACKET = 320  # samples of G.722 in 20 ms


def g722(waveform: Waveform) -> Waveform:
    """Through G.722 at 64 kbit/s; (samples,) in, the same length out."""
    import av

    pcm = np.round(np.clip(waveform, -1.0, 1.0) * 32_767).astype("<i2")
    pcm = np.pad(pcm, (0, -len(pcm) % PACKET))
    frame = av.AudioFrame.from_ndarray(pcm[None], format="s16", layout="mono")
    frame.sample_rate = SAMPLE_RATE
    encoder, decoder = _g722_context("w"), _g722_context("r")
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    decoded = [part.to_ndarray()[0] for packet in packets for part in decoder.decode(packet)]
    return np.concatenate(decoded)[: len(waveform)].astype(np.float32) / np.float32(32_768)


def _g722_context(mode: Literal["r", "w"]) -> Any:
    import av

    context: Any = av.CodecContext.create("g722", mode)
    context.sample_rate, context.layout = SAMPLE_RATE, "mono"
    if mode == "w":
        context.format = "s16"
    return context


def vorbis22(waveform: Waveform) -> Waveform:
    """Through Ogg Vorbis at 22,050 Hz."""
    return _file_codec(waveform, 22_050, format="OGG", subtype="VORBIS", compression_level=0.7)


def vorbis44(waveform: Waveform) -> Waveform:
    """Through Ogg Vorbis at 44,100 Hz."""
    return _file_codec(waveform, 44_100, format="OGG", subtype="VORBIS", compression_level=0.7)


def vorbis11(waveform: Waveform) -> Waveform:
    """Through Ogg Vorbis at 11,025 Hz."""
    return _file_codec(waveform, 11_025, format="OGG", subtype="VORBIS", compression_level=0.7)


def mp3_11(waveform: Waveform) -> Waveform:
    """Through MP3 at 11,025 Hz and 16 kbit/s."""
    return _file_codec(
        waveform,
        11_025,
        delay=MP3_DELAY,
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode="CONSTANT",
        compression_level=48 / 56,  # libsndfile's scale from 64 down to 8 kbit/s
    )


def _file_codec(waveform: Waveform, rate: int, *, delay: int = 0, **options: Any) -> Waveform:
    """Through a file at a rate; `delay` samples of that rate come before the coded ones."""
    import soundfile
    import soxr

    low = np.pad(soxr.resample(waveform, SAMPLE_RATE, rate), (0, delay))
    stream = io.BytesIO()
    soundfile.write(stream, np.clip(low, -1.0, 1.0), rate, **options)
    stream.seek(0)
    decoded, _ = soundfile.read(stream, dtype="float32")
    high: Waveform = soxr.resample(decoded[delay:], rate, SAMPLE_RATE)
    return high[: len(waveform)]


def untouched(waveform: Waveform) -> Waveform:
    """For recordings whose codec is not known."""
    return waveform


CODECS: dict[str, Callable[[Waveform], Waveform]] = {
    "g722": g722,
    "vorbis22": vorbis22,
    "vorbis44": vorbis44,
    "vorbis11": vorbis11,
    "mp3_11": mp3_11,
    "unknown": untouched,
}
