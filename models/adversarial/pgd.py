"""Projected gradient descent in the L2 ball (Madry et al., arXiv 1706.06083)."""

from __future__ import annotations

import torch
from torch import Tensor

from models.adversarial.problem import Problem, norm

_REACH = 2.5  # of the radius, in all steps together: far enough to reach the edge from anywhere


def pgd(problem: Problem) -> Tensor:
    """`steps` steps from a random start, the worst point of each path -> (b, samples)."""
    stride = problem.radius * _REACH / problem.steps
    current = problem.perturbed(problem.random_perturbation())
    worst, worst_error = current, torch.full_like(problem.radius[:, 0], -torch.inf)
    for _ in range(problem.steps):
        error, gradient = problem.error_and_gradient(current)
        worst, worst_error = _worse(current, error, worst, worst_error)
        step = stride * gradient / norm(gradient)
        current = problem.perturbed(current - problem.waveforms + step)
    with torch.no_grad():
        error = problem.error(current)
    return _worse(current, error, worst, worst_error)[0]


def _worse(
    current: Tensor, error: Tensor, worst: Tensor, worst_error: Tensor
) -> tuple[Tensor, Tensor]:
    """For each row, the point of the higher error."""
    rises = error > worst_error
    return torch.where(rises[:, None], current, worst), torch.where(rises, error, worst_error)
