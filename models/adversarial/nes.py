"""Gradient ascent on an estimated gradient: natural evolution strategies.

Ilyas et al., arXiv 1804.08598, without its momentum: the detector is asked for scores alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.adversarial.problem import Problem, norm
from models.adversarial.worst import Worst

_PAIRS = 8  # of opposite points that one gradient is estimated from
_SPREAD = 0.3  # of the radius: how far the points lie from where the gradient is wanted
_REACH = 2.5  # of the radius, in all steps together


def nes(problem: Problem) -> Tensor:
    """The worst point met with `queries` questions (b, samples), the clean clips among them."""
    worst = Worst(problem.waveforms, problem.error_of(problem.waveforms))
    steps = max(1, (problem.queries - 1) // (2 * _PAIRS + 1))
    stride = problem.radius * _REACH / steps
    perturbation = torch.zeros_like(problem.waveforms)
    for _ in range(steps):
        gradient = _estimate(problem, perturbation)
        current = problem.perturbed(perturbation + stride * gradient / norm(gradient))
        worst.meet(current, problem.error_of(current))
        perturbation = current - problem.waveforms
    return worst.waveforms


def _estimate(problem: Problem, perturbation: Tensor) -> Tensor:
    """Direction (b, samples) in which the error rises, from pairs of opposite points."""
    gradient = torch.zeros_like(perturbation)
    for _ in range(_PAIRS):
        direction = problem.random_direction()
        aside = _SPREAD * problem.radius * direction
        up, down = (
            problem.error_of((problem.waveforms + perturbation + side).clamp(-1.0, 1.0))
            for side in (aside, -aside)
        )
        gradient += (up - down)[:, None] * direction
    return gradient
