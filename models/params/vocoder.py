"""The section `neural_vocoder` of params.yaml: a graph that a person brings, and what it hears."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.errors import InputError

VOCODERS = ("griffin_lim", "world", "neural")  # the keys of models.data.copy_synthesis.VOCODERS

# name of a parameter -> (lowest, highest) it may be
VOCODER_BOUNDS: dict[str, tuple[float, float]] = {
    "neural_vocoder.sample_rate": (8_000, 96_000),
    "neural_vocoder.fft": (16, 65_536),
    "neural_vocoder.hop": (1, 65_536),
    "neural_vocoder.mels": (1, 1_024),
    "neural_vocoder.lowest_hz": (0.0, 48_000.0),
    "neural_vocoder.highest_hz": (0.0, 48_000.0),
    "neural_vocoder.floor": (1e-12, 1.0),
}


@dataclass(frozen=True)
class NeuralVocoderParams:
    """An ONNX file, and the mel spectrogram that it was trained with."""

    file: str | None = None  # absolute path
    sample_rate: int = 22_050  # Hz
    fft: int = 1_024  # samples of a frame
    hop: int = 256  # samples
    mels: int = 80
    lowest_hz: float = 0.0
    highest_hz: float = 8_000.0
    mel_scale: Literal["slaney", "htk"] = "slaney"
    log: Literal["natural", "decimal"] = "natural"
    floor: float = 1e-5  # of magnitudes, before the logarithm

    def check(self, origin: str) -> None:
        """Raise InputError naming the keys that contradict each other."""
        place = f"{origin}: neural_vocoder"
        if self.hop > self.fft:
            raise InputError(
                f"{place}.hop: at most the fft of {self.fft} expected, found {self.hop}"
            )
        half = self.sample_rate / 2
        if not self.lowest_hz < self.highest_hz <= half:
            raise InputError(
                f"{place}: lowest_hz < highest_hz <= {half:g} (half the sample_rate) expected, "
                f"found {self.lowest_hz:g} and {self.highest_hz:g}"
            )
