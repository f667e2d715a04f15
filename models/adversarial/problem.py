"""What an attack on a detector is given, and the ball it may not leave."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.detectors.detector import BONAFIDE, cm_score

_TINY = 1e-12  # keeps a zero gradient or a silent waveform from dividing by zero


@dataclass(frozen=True)
class Problem:
    """Make `detector` wrong about `waveforms`, staying within `snr_db` of each of them."""

    detector: nn.Module  # in evaluation mode
    waveforms: Tensor  # (b, samples) in ±1
    labels: Tensor  # (b,), 1 for bona fide
    snr_db: float
    steps: int
    generator: torch.Generator

    @property
    def radius(self) -> Tensor:
        """The largest L2 norm (b, 1) of a perturbation."""
        norms: Tensor = torch.linalg.vector_norm(self.waveforms, dim=1, keepdim=True)
        return norms * math.pow(10.0, -self.snr_db / 20.0)

    def error(self, waveforms: Tensor) -> Tensor:
        """How wrong the detector is (b,): the logit of the wrong class over that of the right one.

        Cross-entropy rises with it and has the same direction of steepest ascent, but its gradient
        vanishes where a detector is sure of itself, and an attack would look weaker than it is.
        """
        score = cm_score(self.detector(waveforms).float())  # (b,)
        return torch.where(self.labels == BONAFIDE, -score, score)

    def error_and_gradient(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """`error` (b,) and its gradient (b, samples); the detector's own gradients stay as are."""
        waveforms = waveforms.detach().requires_grad_(True)
        with torch.enable_grad(), _differentiable(self.detector):
            error = self.error(waveforms)
            (gradient,) = torch.autograd.grad(error.sum(), waveforms)
        return error.detach(), gradient

    def perturbed(self, perturbation: Tensor) -> Tensor:
        """The waveforms with a perturbation shrunk into the ball, clipped at ±1 as audio is."""
        shrink = (self.radius / norm(perturbation)).clamp(max=1.0)
        return (self.waveforms + perturbation * shrink).clamp(-1.0, 1.0)

    def random_perturbation(self) -> Tensor:
        """Anywhere in the ball (b, samples), the same on every device under one generator."""
        shape = self.waveforms.shape
        direction = torch.randn(shape, generator=self.generator).to(self.waveforms)
        share = torch.rand((shape[0], 1), generator=self.generator).to(self.waveforms)
        return self.radius * share * direction / norm(direction)


def norm(tensor: Tensor) -> Tensor:
    """L2 norm (b, 1) of each row, never zero."""
    norms: Tensor = torch.linalg.vector_norm(tensor, dim=1, keepdim=True)
    return norms.clamp_min(_TINY)


def _differentiable(detector: nn.Module) -> AbstractContextManager[None]:
    """cuDNN refuses the backward pass of recurrent layers in evaluation mode."""
    if any(isinstance(module, nn.RNNBase) for module in detector.modules()):
        return torch.backends.cudnn.flags(enabled=False)
    return nullcontext()
