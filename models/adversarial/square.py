"""The square attack (Andriushchenko et al., arXiv 1912.00049) on sound: random search, no gradient.

Where the attack on pictures paints squares, this one lays square waves of any pitch over stretches
of the clip: a level alone would not pass a band-pass filter.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from models.adversarial.problem import Problem
from models.adversarial.worst import Worst

_FIRST_SHARE = 0.8  # of the clip that the first stretches take
# shares of all queries after which stretches are half as long (the paper's schedule)
_HALVINGS = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
_LOWEST = 50 / 16_000  # pitch in cycles a sample; the highest is half a cycle


def square(problem: Problem) -> Tensor:
    """The worst of `queries` points in the box (b, samples), the clean clips among them."""
    perturbation = problem.box * _waves(problem)
    start = problem.perturbed(perturbation)
    worst = Worst(start, problem.error_of(start))
    for query in range(2, problem.queries):
        stretches = _stretches(problem, query / problem.queries)
        changed = torch.where(stretches, problem.box * _waves(problem), perturbation)
        waveforms = problem.perturbed(changed)
        accepted = worst.meet(waveforms, problem.error_of(waveforms))
        perturbation = torch.where(accepted[:, None], changed, perturbation)
    worst.meet(problem.waveforms, problem.error_of(problem.waveforms))
    return worst.waveforms


def _waves(problem: Problem) -> Tensor:
    """A wave of 1 and -1 (b, samples) for each row, pitch spread evenly over octaves."""
    draw = problem.uniform(2)  # (b, 2)
    pitch = _LOWEST * torch.pow(0.5 / _LOWEST, draw[:, :1])
    turns = pitch * problem.positions + draw[:, 1:]  # (b, samples)
    return torch.where(turns.frac() < 0.5, 1.0, -1.0)


def _stretches(problem: Problem, progress: float) -> Tensor:
    """Which samples (b, samples) change: one stretch of each row, shorter with every query."""
    samples = problem.waveforms.shape[1]
    halvings = sum(progress > halving for halving in _HALVINGS)
    share = _FIRST_SHARE * 0.5**halvings
    length = max(1, math.ceil(share * samples))
    start = (problem.uniform(1) * (samples - length + 1)).floor()
    return (problem.positions >= start) & (problem.positions < start + length)
