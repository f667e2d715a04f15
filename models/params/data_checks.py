"""`data_checks` in params.yaml: what is looked at before a detector learns from data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Does = Literal["stop", "report"]


@dataclass(frozen=True)
class FindingParams:
    """What a finding of each kind does; see models.data.checks."""

    rate: Does = "report"
    duration: Does = "report"
    bandwidth: Does = "report"
    snr: Does = "report"
    clipping: Does = "report"
    silence: Does = "report"
    offset: Does = "report"
    contradiction: Does = "stop"
    minority: Does = "report"
    lone_speaker: Does = "report"
    speaker_share: Does = "report"
    few_trials: Does = "report"


@dataclass(frozen=True)
class DataCheckParams:
    """What a clip and a partition should be."""

    findings: FindingParams = field(default_factory=FindingParams)
    lowest_rate: int = 16_000
    highest_rate: int = 96_000
    shortest_s: float = 0.5
    longest_s: float = 60.0
    lowest_treble_db: float = -60.0
    lowest_snr_db: float = 10.0
    clipped_share: float = 0.005
    silent_share: float = 0.5
    highest_offset: float = 0.01
    minority_share: float = 0.05
    speaker_share: float = 0.5
    attack_trials: int = 10


# name of a parameter -> (lowest, highest) it may be
DATA_CHECK_BOUNDS: dict[str, tuple[float, float]] = {
    "data_checks.lowest_rate": (0, 192_000),
    "data_checks.highest_rate": (0, 192_000),
    "data_checks.shortest_s": (0.0, 600.0),
    "data_checks.longest_s": (0.0, 600.0),
    "data_checks.lowest_treble_db": (-200.0, 100.0),
    "data_checks.lowest_snr_db": (0.0, 80.0),
    "data_checks.clipped_share": (0.0, 1.0),
    "data_checks.silent_share": (0.0, 1.0),
    "data_checks.highest_offset": (0.0, 1.0),
    "data_checks.minority_share": (0.0, 0.5),
    "data_checks.speaker_share": (0.0, 1.0),
    "data_checks.attack_trials": (0, 1_000_000),
}
