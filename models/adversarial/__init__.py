"""Perturbations computed against a detector: name -> function(problem) -> waveforms."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from models.adversarial.problem import Problem
from models.tables import ATTACKS_ON_DETECTORS as PLACES
from models.tables import LazyTable

BLIND = ("square", "nes")  # they see scores and no gradient
ATTACKS_ON_DETECTORS: LazyTable[Callable[[Problem], Tensor]] = LazyTable(PLACES)
