"""The fast gradient sign method (Goodfellow et al., arXiv 1412.6572)."""

from __future__ import annotations

from torch import Tensor

from models.adversarial.problem import Problem, norm


def fgsm(problem: Problem) -> Tensor:
    """One step along the sign of the gradient, as long as the SNR allows -> (b, samples)."""
    _, gradient = problem.error_and_gradient(problem.waveforms)
    sign = gradient.sign()
    return problem.perturbed(problem.radius * sign / norm(sign))
