"""`neural_vocoder` in params.yaml: a graph that a person brings, and what it was trained with."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, StrictFloat, StrictInt, model_validator
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, ContradictionError


@dataclass(frozen=True, config=CLOSED)
class NeuralVocoderParams:
    """An ONNX file, and the mel spectrogram that it was trained with."""

    file: str | None = Field(
        default=None, description="ONNX, mel spectrogram -> waveform, by its absolute path"
    )
    sample_rate: StrictInt = Field(default=22_050, ge=8_000, le=96_000, description="Hz")
    fft: StrictInt = Field(default=1_024, ge=16, le=65_536, description="samples of a frame")
    hop: StrictInt = Field(default=256, ge=1, le=65_536, description="samples between frames")
    mels: StrictInt = Field(default=80, ge=1, le=1_024, description="bands")
    lowest_hz: StrictFloat = Field(default=0.0, ge=0.0, le=48_000.0)
    highest_hz: StrictFloat = Field(default=8_000.0, ge=0.0, le=48_000.0)
    mel_scale: Literal["slaney", "htk"] = Field(
        default="slaney", description="slaney: areas of 1; htk: peaks of 1"
    )
    log: Literal["natural", "decimal"] = "natural"
    floor: StrictFloat = Field(
        default=1e-5, ge=1e-12, le=1.0, description="of magnitudes, before the logarithm"
    )

    @model_validator(mode="after")
    def _frames_and_bands_fit(self) -> NeuralVocoderParams:
        if self.hop > self.fft:
            raise ContradictionError(
                "hop", f"at most the fft of {self.fft} expected, found {self.hop}"
            )
        half = self.sample_rate / 2
        if not self.lowest_hz < self.highest_hz <= half:
            raise ContradictionError(
                "",
                f"lowest_hz < highest_hz <= {half:g} (half the sample_rate) expected, found "
                f"{self.lowest_hz:g} and {self.highest_hz:g}",
            )
        return self
