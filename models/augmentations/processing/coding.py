"""Speech codecs in memory: encoded and decoded at once, without a container or a file.

What is heard keeps its length and its place in time: `delay` is how many samples later than its
input a decoder gives its output, where FFmpeg does not make up for it by itself.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE
from models.augmentations.processing.lengths import cut_or_pad
from models.augmentations.processing.levels import full_scale

_TAIL_S = 0.15  # of silence behind the speech, so that nothing of it stays in the codec


@dataclass(frozen=True)
class FFmpegCodec:
    """A codec of the FFmpeg that PyAV carries."""

    encoder: str
    decoder: str
    rate: int  # Hz
    sample_format: str  # that the encoder takes
    bit_rates: tuple[int, ...] = (0,)  # bit/s, each as likely; 0: it has but one
    delay: int = 0  # samples at `rate`
    options: dict[str, str] = field(default_factory=dict)

    def missing(self) -> str | None:
        """The encoder or decoder that the installed FFmpeg lacks, or None."""
        import av

        codecs = av.codecs_available
        for kind, name in (("encoder", self.encoder), ("decoder", self.decoder)):
            if name not in codecs:
                return f"the installed FFmpeg has no {kind} {name}"
        return None

    def transmit(
        self, waveform: NDArray[np.float32], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Float32 (samples,) at `rate` after encoding and decoding; may be longer."""
        encoder = self._encoder(int(rng.choice(self.bit_rates)))
        decoder = self._decoder(encoder.extradata)
        frame = encoder.frame_size or self.rate // 50
        packets = [p for f in self._frames(waveform, frame) for p in encoder.encode(f)]
        packets += encoder.encode(None)
        frames = [f for p in packets for f in decoder.decode(p)] + decoder.decode(None)
        decoded = np.concatenate([_floats(f.to_ndarray()) for f in frames])
        if frames[0].sample_rate == self.rate:
            return decoded[self.delay :]
        import soxr

        narrow = soxr.resample(decoded, frames[0].sample_rate, self.rate)
        return np.asarray(narrow, dtype=np.float32)[self.delay :]

    def _encoder(self, bit_rate: int) -> Any:
        import av

        context: Any = av.CodecContext.create(self.encoder, "w")
        context.sample_rate, context.layout, context.format = self.rate, "mono", self.sample_format
        context.thread_count = 1
        if bit_rate:
            context.bit_rate = bit_rate
        context.options = dict(self.options)
        context.open()
        return context

    def _decoder(self, extradata: bytes | None) -> Any:
        import av

        context: Any = av.CodecContext.create(self.decoder, "r")
        context.sample_rate, context.layout, context.thread_count = self.rate, "mono", 1
        if extradata:
            context.extradata = extradata
        return context

    def _frames(self, waveform: NDArray[np.float32], size: int) -> list[Any]:
        import av

        tail = int(_TAIL_S * self.rate) + self.delay
        padded = cut_or_pad(waveform, -(-(waveform.size + tail) // size) * size)
        samples: NDArray[Any] = padded if self.sample_format.startswith("flt") else _int16(padded)
        frames = []
        for number, part in enumerate(samples.reshape(-1, 1, size)):
            frame = av.AudioFrame.from_ndarray(part, format=self.sample_format, layout="mono")
            frame.sample_rate, frame.pts = self.rate, number * size
            frames.append(frame)
        return frames


@dataclass(frozen=True)
class GSMCodec:
    """GSM full rate by libsndfile; FFmpeg decodes it only."""

    rate: int = 8_000  # Hz

    def missing(self) -> str | None:
        """What the installed libsndfile lacks, or None."""
        import soundfile

        has_codec = "GSM610" in soundfile.available_subtypes("WAV")
        return None if has_codec else "the installed libsndfile has no GSM 6.10"

    def transmit(
        self,
        waveform: NDArray[np.float32],
        rng: np.random.Generator,  # noqa: ARG002  # nothing to draw
    ) -> NDArray[np.float32]:
        """Float32 (samples,) at `rate` after encoding and decoding; may be longer."""
        import soundfile

        stream = io.BytesIO()
        soundfile.write(stream, waveform, self.rate, format="WAV", subtype="GSM610")
        stream.seek(0)
        return np.asarray(soundfile.read(stream, dtype="float32")[0], dtype=np.float32)


def through(
    codec: FFmpegCodec | GSMCodec, waveform: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """The waveform (samples,) at 16 kHz through a codec of any rate, aligned, clipped at ±1."""
    import soxr

    if codec.rate == SAMPLE_RATE:
        return full_scale(cut_or_pad(codec.transmit(waveform, rng), waveform.size))
    narrow = soxr.resample(waveform, SAMPLE_RATE, codec.rate)
    decoded = cut_or_pad(codec.transmit(narrow, rng), narrow.size)
    return full_scale(cut_or_pad(soxr.resample(decoded, codec.rate, SAMPLE_RATE), waveform.size))


def _int16(waveform: NDArray[np.float32]) -> NDArray[np.int16]:
    rounded: NDArray[np.int16] = np.rint(np.clip(waveform, -1.0, 1.0) * 32_767).astype(np.int16)
    return rounded


def _floats(samples: NDArray[Any]) -> NDArray[np.float32]:
    """Float32 (samples,) of a decoded mono frame, planar or not."""
    flat = samples.reshape(-1)
    return flat.astype(np.float32) / (np.float32(32_768) if flat.dtype == np.int16 else 1)
