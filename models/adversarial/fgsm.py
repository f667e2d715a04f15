"""The fast gradient sign method: one gradient, one step."""

from __future__ import annotations

from torch import Tensor

from models.adversarial.problem import Problem, norm

_REACH = 1.25  # of the box: what Wong et al. found best from a random start


def fgsm(problem: Problem) -> Tensor:
    """A step along the sign of the gradient, as long as the SNR allows -> (b, samples).

    Goodfellow et al., arXiv 1412.6572.
    """
    _, gradient = problem.error_and_gradient(problem.waveforms)
    sign = gradient.sign()
    return problem.perturbed(problem.radius * sign / norm(sign))


def fgsm_rs(problem: Problem) -> Tensor:
    """The same step from a random place in the box -> (b, samples).

    What training against one step needs so as not to overfit to it: Wong et al., "Fast is better
    than free", arXiv 2001.03994, algorithm 3.
    """
    start = problem.random_in_box()
    _, gradient = problem.error_and_gradient(problem.perturbed(start))
    return problem.perturbed(problem.boxed(start + _REACH * problem.box * gradient.sign()))
