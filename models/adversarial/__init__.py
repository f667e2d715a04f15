"""Perturbations computed against a detector: name -> function(problem) -> waveforms."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from models.adversarial.apgd import apgd
from models.adversarial.fgsm import fgsm, fgsm_rs
from models.adversarial.nes import nes
from models.adversarial.pgd import pgd, pgd_linf
from models.adversarial.problem import Problem
from models.adversarial.square import square

BLIND = ("square", "nes")  # they see scores and no gradient
ATTACKS_ON_DETECTORS: dict[str, Callable[[Problem], Tensor]] = {
    "fgsm": fgsm,
    "fgsm-rs": fgsm_rs,
    "pgd": pgd,
    "pgd-linf": pgd_linf,
    "apgd": apgd,
    "square": square,
    "nes": nes,
}
