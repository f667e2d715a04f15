"""The policies that a stream may name."""

from __future__ import annotations

from models.evaluation.policies import Policies, threshold_alone
from serving.champion import LoadedChampion


def policies_of(champion: LoadedChampion) -> Policies:
    """Those of a loaded version."""
    return threshold_alone(champion.calibration)
