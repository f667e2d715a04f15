"""Auto-PGD in L2 (Croce & Hein, arXiv 2003.01690, algorithm 1): steps that choose their length."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from models.adversarial.problem import Problem, norm
from models.adversarial.worst import Worst

_INERTIA = 0.75  # α: the share of a new step, the rest follows the step before
_RISES = 0.75  # ρ: the share of steps that must make the detector more wrong


def apgd(problem: Problem) -> Tensor:
    """`steps` steps from a random start, the worst point of each path -> (b, samples)."""
    path = _Path.begin(problem)
    marks = checkpoints(problem.steps)
    for step in range(1, problem.steps):
        path.advance(inertia=1.0 if step == 1 else _INERTIA)
        if step in marks:
            path.judge(since=marks[step])
    last = path.next_point(inertia=1.0 if problem.steps == 1 else _INERTIA)
    path.worst.meet(last, problem.error_of(last))
    return path.worst.waveforms


def checkpoints(steps: int) -> dict[int, int]:
    """Steps at which progress is judged -> steps since the one before (§3.1 of the paper)."""
    marks: dict[int, int] = {}
    last, percent, gap = 0, 22, 22
    while percent < 100:
        at = math.ceil(percent * steps / 100)
        if at > last:
            marks[at] = at - last
        last, gap = at, max(gap - 3, 6)
        percent += gap
    return marks


@dataclass
class _Path:
    """Where each row stands, how it came there, and how far it goes next."""

    problem: Problem
    current: Tensor  # (b, samples)
    before: Tensor  # (b, samples), the point one step earlier
    error: Tensor  # (b,), here
    gradient: Tensor  # (b, samples), here
    worst: Worst
    worst_gradient: Tensor  # (b, samples)
    stride: Tensor  # (b, 1)
    rises: Tensor  # (b,), steps since the last checkpoint that raised the error
    halved: Tensor  # (b,), whether the last checkpoint shortened the steps
    judged: Tensor  # (b,), the worst error at the last checkpoint

    @classmethod
    def begin(cls, problem: Problem) -> _Path:
        start = problem.perturbed(problem.random_perturbation())
        error, gradient = problem.error_and_gradient(start)
        return cls(
            problem=problem,
            current=start,
            before=start,
            error=error,
            gradient=gradient,
            worst=Worst(start, error),
            worst_gradient=gradient,
            stride=2 * problem.radius,
            rises=torch.zeros_like(error),
            halved=torch.zeros_like(error, dtype=torch.bool),
            judged=error,
        )

    def next_point(self, inertia: float) -> Tensor:
        """A step up the gradient, blended with the step before, inside the ball."""
        clean = self.problem.waveforms
        step = self.stride * self.gradient / norm(self.gradient)
        target = self.problem.perturbed(self.current - clean + step)
        blended = inertia * (target - self.current) + (1 - inertia) * (self.current - self.before)
        return self.problem.perturbed(self.current + blended - clean)

    def advance(self, inertia: float) -> None:
        self.before, self.current = self.current, self.next_point(inertia)
        error_before = self.error
        self.error, self.gradient = self.problem.error_and_gradient(self.current)
        self.rises = self.rises + (self.error > error_before)
        better = self.worst.meet(self.current, self.error)
        self.worst_gradient = torch.where(better[:, None], self.gradient, self.worst_gradient)

    def judge(self, since: int) -> None:
        """Rows that rose too seldom, or not at all, go back to their worst point at half pace."""
        stalled = ~self.halved & (self.worst.error <= self.judged)
        self.halved = (self.rises < _RISES * since) | stalled
        row = self.halved[:, None]
        self.stride = torch.where(row, self.stride / 2, self.stride)
        self.current = torch.where(row, self.worst.waveforms, self.current)
        self.gradient = torch.where(row, self.worst_gradient, self.gradient)
        self.before = torch.where(row, self.current, self.before)
        self.error = torch.where(self.halved, self.worst.error, self.error)
        self.judged, self.rises = self.worst.error, torch.zeros_like(self.rises)
