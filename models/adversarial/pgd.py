"""Projected gradient descent (Madry et al., arXiv 1706.06083), in the ball and in the box."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from models.adversarial.problem import Problem, norm
from models.adversarial.worst import Worst

_REACH = 2.5  # of the radius, in all steps together: far enough to reach the edge from anywhere


def pgd(problem: Problem) -> Tensor:
    """In L2: `steps` steps from a random start, the worst point of each path -> (b, samples)."""
    stride = problem.radius * _REACH / problem.steps

    def step(perturbation: Tensor, gradient: Tensor) -> Tensor:
        return perturbation + stride * gradient / norm(gradient)

    return _descend(problem, problem.random_perturbation(), step)


def pgd_linf(problem: Problem) -> Tensor:
    """In L∞: the same with the gradient's sign, in the box within the ball -> (b, samples)."""
    stride = problem.box * _REACH / problem.steps

    def step(perturbation: Tensor, gradient: Tensor) -> Tensor:
        return problem.boxed(perturbation + stride * gradient.sign())

    return _descend(problem, problem.random_in_box(), step)


def _descend(problem: Problem, start: Tensor, step: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    current = problem.perturbed(start)
    worst = Worst(current)
    for _ in range(problem.steps):
        error, gradient = problem.error_and_gradient(current)
        worst.meet(current, error)
        current = problem.perturbed(step(current - problem.waveforms, gradient))
    worst.meet(current, problem.error_of(current))
    return worst.waveforms
