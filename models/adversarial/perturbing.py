"""Attack a detector by name, and leave it as it was."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.adversarial import ATTACKS_ON_DETECTORS
from models.adversarial.problem import Problem
from models.compute.distributed import ALONE, World
from models.compute.eval_mode import evaluation_mode
from models.errors import InputError


def perturb(
    detector: nn.Module,
    waveforms: Tensor,
    labels: Tensor,
    *,
    attack: str,
    snr_db: float,
    steps: int,
    generator: torch.Generator,
    queries: int = 60,
    world: World = ALONE,
) -> Tensor:
    """Waveforms (b, samples) that make the detector more wrong, `snr_db` above the perturbation.

    The clips are those of the batch in ±1, labels (b,) are 1 for bona fide, and `generator` lives
    on the CPU. `steps` bounds attacks that follow the gradient, `queries` those that see none.
    Weights, their gradients, batch norm and modes are untouched. All processes of a `world` give
    the same clips and get the same waveforms. Raises InputError where there is no such attack.
    """
    if attack not in ATTACKS_ON_DETECTORS:
        names = ", ".join(ATTACKS_ON_DETECTORS)
        raise InputError(f"no attack on detectors named '{attack}'; known: {names}")
    with evaluation_mode(detector):
        problem = Problem(
            waveforms.detach(), snr_db, detector, labels, steps, generator, queries, world
        )
        return ATTACKS_ON_DETECTORS[attack](problem).detach()
