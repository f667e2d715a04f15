"""A stretch of speech, the detector that heard it, and how to ask again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from models.adversarial.problem import differentiable
from models.detectors.detector import Detector, cm_score
from models.explanations.explanation import AbsentError

if TYPE_CHECKING:
    from models.explanations.background import Background

BATCH = 4  # a CPU gains nothing by more, and AASIST takes 0.7 GiB a window with its gradient


@dataclass(frozen=True)
class Heard:
    """What is explained: the score of one window, as a function of what the file holds of it.

    A file shorter than a window is repeated to its length inside, so that a second of speech
    answers for all of its repetitions.
    """

    detector: Detector  # in evaluation mode
    waveform: Tensor  # (n,), at most `samples`
    samples: int  # of a window
    acoustics: dict[str, float] | None = None  # of the whole file
    background: Background | None = None  # other files that the detector has scored
    seed: int = 2026

    def evidence(self, waveforms: Tensor) -> Tensor:
        """How much speaks for spoof (b,) in stretches (b, n): the cm_score, negated."""
        repeats = -(-self.samples // waveforms.shape[1])
        windows = waveforms.repeat(1, repeats)[:, : self.samples]
        return -cm_score(self.detector(windows)).double()

    def ask(self, waveforms: Tensor) -> Tensor:
        """The evidence for spoof (b,) in any number of stretches (b, n), a few at a time."""
        with torch.no_grad():
            return torch.cat([self.evidence(few) for few in torch.split(waveforms, BATCH)])

    def gradients(self, waveforms: Tensor) -> Tensor:
        """Of the evidence for spoof with respect to each sample of stretches (b, n).

        Raises AbsentError where the detector has no gradient, or none that can be used.
        """
        return torch.cat([self._gradients(few) for few in torch.split(waveforms, BATCH)])

    def _gradients(self, waveforms: Tensor) -> Tensor:
        name = self.detector.name
        waveforms = waveforms.detach().requires_grad_(True)
        with torch.enable_grad(), differentiable(self.detector):
            evidence = self.evidence(waveforms).sum()
            if not evidence.requires_grad:
                raise AbsentError(f"{name}: no gradient leads from its score to the waveform")
            (gradient,) = torch.autograd.grad(evidence, waveforms)
        if not torch.isfinite(gradient).all():
            raise AbsentError(f"{name}: the gradient of its score is not finite here")
        return gradient
