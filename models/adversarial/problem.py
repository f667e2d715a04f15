"""What an attack on a detector is given, and the ball it may not leave."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.compute.distributed import ALONE, World
from models.detectors.detector import BONAFIDE, cm_score

_TINY = 1e-12  # keeps a zero gradient or a silent waveform from dividing by zero


@dataclass(frozen=True)
class Ball:
    """Where perturbations of waveforms lie that are at least `snr_db` below each of them."""

    waveforms: Tensor  # (b, samples) in ±1
    snr_db: float

    @property
    def radius(self) -> Tensor:
        """The largest L2 norm (b, 1) of a perturbation."""
        norms: Tensor = torch.linalg.vector_norm(self.waveforms, dim=1, keepdim=True)
        return norms * math.pow(10.0, -self.snr_db / 20.0)

    @property
    def box(self) -> Tensor:
        """The largest L∞ norm (b, 1); the corners of that box lie on the ball."""
        return self.radius / math.sqrt(self.waveforms.shape[1])

    def perturbed(self, perturbation: Tensor) -> Tensor:
        """The waveforms with a perturbation shrunk into the ball, clipped at ±1 as audio is."""
        shrink = (self.radius / norm(perturbation)).clamp(max=1.0)
        return (self.waveforms + perturbation * shrink).clamp(-1.0, 1.0)

    def boxed(self, perturbation: Tensor) -> Tensor:
        """A perturbation (b, samples) clipped to the box."""
        return torch.maximum(torch.minimum(perturbation, self.box), -self.box)


@dataclass(frozen=True)
class Problem(Ball):
    """Make `detector` wrong about `waveforms`, staying in the ball."""

    detector: nn.Module  # in evaluation mode
    labels: Tensor  # (b,), 1 for bona fide
    steps: int
    generator: torch.Generator
    queries: int = 60  # of an attack that sees no gradient
    world: World = ALONE  # processes of a training, each of which asks the detector of its share

    @property
    def positions(self) -> Tensor:
        """Of the samples (1, samples)."""
        samples = self.waveforms.shape[1]
        return torch.arange(samples, device=self.waveforms.device, dtype=torch.float32)[None]

    def error_of(self, waveforms: Tensor) -> Tensor:
        """How wrong the detector is (b,): the logit of the wrong class over that of the right one.

        Cross-entropy rises with it and has the same direction of steepest ascent, but its gradient
        vanishes where a detector is sure of itself, and an attack would look weaker than it is.
        """
        own = waveforms[self.world.own]
        with torch.no_grad():
            return self.world.join(self._error(own), len(waveforms))

    def error_and_gradient(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """The same and its gradient (b, samples); the detector's own gradients stay as they are."""
        own = waveforms[self.world.own].detach().requires_grad_(True)
        with torch.enable_grad(), differentiable(self.detector):
            error = self._error(own)
            (gradient,) = torch.autograd.grad(error.sum(), own)
        count = len(waveforms)
        return self.world.join(error.detach(), count), self.world.join(gradient, count)

    def _error(self, own: Tensor) -> Tensor:
        """Of the rows that are this process's share."""
        if not len(own):
            return own.sum(1)
        score = cm_score(self.detector(own).float())
        return torch.where(self.labels[self.world.own] == BONAFIDE, -score, score)

    def random_perturbation(self) -> Tensor:
        """Anywhere in the ball (b, samples), the same on every device under one generator."""
        direction = torch.randn(self.waveforms.shape, generator=self.generator).to(self.waveforms)
        return self.radius * self.uniform(1) * direction / norm(direction)

    def random_in_box(self) -> Tensor:
        """Anywhere in the box (b, samples)."""
        return self.box * (2 * self.uniform(self.waveforms.shape[1]) - 1)

    def random_direction(self) -> Tensor:
        """Of L2 norm 1 (b, samples)."""
        drawn = torch.randn(self.waveforms.shape, generator=self.generator).to(self.waveforms)
        return drawn / norm(drawn)

    def uniform(self, columns: int) -> Tensor:
        """Numbers in 0–1 (b, columns)."""
        shape = (len(self.waveforms), columns)
        return torch.rand(shape, generator=self.generator).to(self.waveforms)


def norm(tensor: Tensor) -> Tensor:
    """L2 norm (b, 1) of each row, never zero."""
    norms: Tensor = torch.linalg.vector_norm(tensor, dim=1, keepdim=True)
    return norms.clamp_min(_TINY)


def differentiable(detector: nn.Module) -> AbstractContextManager[None]:
    """cuDNN refuses the backward pass of recurrent layers in evaluation mode."""
    if any(isinstance(module, nn.RNNBase) for module in detector.modules()):
        return torch.backends.cudnn.flags(enabled=False)
    return nullcontext()
