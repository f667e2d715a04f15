"""A stretch of speech with the detector whose score of it is explained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from models.adversarial.problem import differentiable
from models.detectors.detector import Detector, cm_score
from models.explanations.explanation import InapplicableError

if TYPE_CHECKING:
    from models.explanations.background import Background

BATCH = 4  # more are not faster on a CPU; AASIST takes 0.7 GiB a window with its gradient


@dataclass(frozen=True)
class ScoredStretch:
    """The score of one window as a function of the speech in it.

    A file shorter than its window is repeated up to the window's length here, so that a map has one
    value for a sample and all of its repetitions.
    """

    detector: Detector  # in evaluation mode
    waveform: Tensor  # (n,), at most `samples`
    samples: int  # of a window
    acoustics: dict[str, float] | None = None  # of the whole file
    background: Background | None = None  # other files that the detector has scored
    seed: int = 2026

    def evidence(self, waveforms: Tensor) -> Tensor:
        """The evidence for spoof, which is the negated cm_score, (b,) of stretches (b, n)."""
        repeats = -(-self.samples // waveforms.shape[1])
        windows = waveforms.repeat(1, repeats)[:, : self.samples]
        return -cm_score(self.detector(windows)).double()

    def ask(self, waveforms: Tensor) -> Tensor:
        """The evidence for spoof (b,) of any number of stretches (b, n), without gradients."""
        with torch.no_grad():
            return torch.cat([self.evidence(few) for few in torch.split(waveforms, BATCH)])

    def gradients(self, waveforms: Tensor) -> Tensor:
        """Gradients (b, n) of the evidence for spoof with respect to samples of stretches (b, n).

        Raises InapplicableError where the detector has no gradient or one that is not finite.
        """
        return torch.cat([self._gradients(few) for few in torch.split(waveforms, BATCH)])

    def _gradients(self, waveforms: Tensor) -> Tensor:
        name = self.detector.name
        waveforms = waveforms.detach().requires_grad_(True)
        with torch.enable_grad(), differentiable(self.detector):
            evidence = self.evidence(waveforms).sum()
            if not evidence.requires_grad:
                raise InapplicableError(f"{name}: no gradient leads from its score to the waveform")
            (gradient,) = torch.autograd.grad(evidence, waveforms)
        if not torch.isfinite(gradient).all():
            raise InapplicableError(f"{name}: the gradient of its score is not finite here")
        return gradient
