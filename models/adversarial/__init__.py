"""Perturbations computed against a detector: name -> function(problem) -> waveforms."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from models.adversarial.fgsm import fgsm
from models.adversarial.pgd import pgd
from models.adversarial.problem import Problem

ATTACKS_ON_DETECTORS: dict[str, Callable[[Problem], Tensor]] = {
    "fgsm": fgsm,
    "pgd": pgd,
}
