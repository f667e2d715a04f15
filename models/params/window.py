"""`window` in params.yaml: what a detector hears at once."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, StrictFloat, StrictInt
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, Share


@dataclass(frozen=True, config=CLOSED)
class WindowParams:
    """How an utterance becomes windows, and their scores one score.

    A detector folder keeps it; what a folder of earlier days does not say is as by default.
    """

    samples: StrictInt = Field(
        default=64_600,
        ge=8_000,
        le=1_600_000,
        description="4.04 s at 16 kHz, what AASIST was published with",
    )
    hop: StrictInt = Field(
        default=32_300, ge=1, le=1_600_000, description="between windows of longer audio"
    )
    aggregate: Literal["mean", "min"] = Field(
        default="mean", description="of the cm_scores of an utterance's windows"
    )
    spectral_subtraction: StrictFloat = Field(
        default=0.0,
        ge=0.0,
        le=20.0,
        description="times the noise's power, at an SNR of 0 dB (3 to 6 is usual); 0: windows and "
        "training crops are heard as they are",
    )
    spectral_floor: Share = Field(
        default=0.02, description="share of the noise's power that is left by it"
    )
    short: Literal["tile", "own"] = Field(
        default="tile",
        description="an utterance shorter than a window is repeated to fill it (tile), or scored "
        "at its own length, from 0.5 s (own)",
    )


@dataclass(frozen=True, config=CLOSED)
class StreamParams:
    """`streams` in params.yaml: how live audio is judged while it comes."""

    hop_s: StrictFloat = Field(
        default=1.0, ge=0.5, le=4.0, description="s between the windows of a channel"
    )
    correlation: Share = Field(
        default=0.7,
        description="of the llr of two windows of one call within a class: 0 adds them up, 1 takes "
        "their mean",
    )
    error: StrictFloat = Field(
        default=0.01,
        gt=0.0,
        lt=0.5,
        description="share of calls of each class that the sequential test may decide wrongly",
    )
