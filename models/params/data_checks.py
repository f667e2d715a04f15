"""`data_checks` in params.yaml: what is looked at before a detector learns from data."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from pydantic import Field, StrictFloat, StrictInt
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, Count, Share

Does = Literal["stop", "report"]


@dataclass(frozen=True, config=CLOSED)
class FindingParams:
    """What a finding of each kind does; see models.data.checks."""

    rate: Does = Field(default="report", description="of the file, where its header says it")
    duration: Does = "report"
    bandwidth: Does = "report"
    snr: Does = Field(
        default="report", description="an estimate, of speech over the quietest tenth"
    )
    clipping: Does = "report"
    silence: Does = "report"
    offset: Does = "report"
    contradiction: Does = Field(default="stop", description="the same samples under both labels")
    minority: Does = Field(default="report", description="a class that is nearly absent")
    lone_speaker: Does = Field(default="report", description="one voice for a class")
    speaker_share: Does = Field(default="report", description="one voice for most of a class")
    few_trials: Does = Field(default="report", description="an attack that is hardly there")


@dataclass(frozen=True, config=CLOSED)
class DataCheckParams:
    """What a clip and a partition should be."""

    findings: FindingParams = field(default_factory=FindingParams)
    lowest_rate: StrictInt = Field(default=16_000, ge=0, le=192_000, description="Hz")
    highest_rate: StrictInt = Field(default=96_000, ge=0, le=192_000, description="Hz")
    shortest_s: StrictFloat = Field(default=0.5, ge=0.0, le=600.0, description="seconds")
    longest_s: StrictFloat = Field(default=60.0, ge=0.0, le=600.0, description="seconds")
    lowest_treble_db: StrictFloat = Field(
        default=-60.0,
        ge=-200.0,
        le=100.0,
        description="above 4.6 kHz, relative to speech: below, 8 kHz were sampled",
    )
    lowest_snr_db: StrictFloat = Field(default=10.0, ge=0.0, le=80.0, description="dB")
    clipped_share: Share = Field(
        default=0.005, description="of the samples, within 2 % of the clip's peak"
    )
    silent_share: Share = Field(default=0.5, description="of the clip, below -70 dBFS")
    highest_offset: Share = Field(default=0.01, description="mean of the samples, in full scales")
    minority_share: StrictFloat = Field(
        default=0.05, ge=0.0, le=0.5, description="of a partition's trials"
    )
    speaker_share: Share = Field(default=0.5, description="of a class's trials in a partition")
    attack_trials: Count = Field(default=10, description="in a partition")
