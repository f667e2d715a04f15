"""Elastic weight consolidation (Kirkpatrick et al. 2017, arXiv 1612.00796, eq. 3).

    penalty = weight / 2 · Σ_i F_i (θ_i − θ*_i)²

θ* are the first weights, F the diagonal of the Fisher information on old clips,

    F_i = mean over clips x of Σ_y p(y|x) (∂ log p(y|x) / ∂θ_i)² = mean of p(1 − p) (∂s / ∂θ_i)²

where s is the cm_score and p = σ(s): with two classes the sum over answers is exact, and one
backward pass a clip is enough. F is divided by its mean, so that a weight means the same for
detectors of any size and confidence; the paper leaves F as it is.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.data.clips import Clips
from models.detectors.detector import cm_score
from models.params.window import WindowParams
from models.training.continual.anchor import Anchor
from models.training.continual.listening import each_clip
from models.training.state import weights_hash


class ElasticWeights(Anchor):
    """Holds each weight near its first value, as hard as old clips depend on it."""

    def __init__(self, fisher: dict[str, Tensor], first: dict[str, Tensor], weight: float) -> None:
        self.fisher, self.first, self.weight = fisher, first, weight

    def __repr__(self) -> str:
        return f"ElasticWeights({self.weight}, {weights_hash(self.fisher)[:16]})"

    @classmethod
    def of(
        cls,
        detector: nn.Module,
        clips: Clips,
        window: WindowParams,
        device: torch.device,
        weight: float,
    ) -> ElasticWeights:
        """Anchor a detector at its weights, by the first window of each of its old clips."""
        detector.to(device)
        first = {name: value.detach().clone() for name, value in _learning(detector)}
        fisher = fisher_diagonal(detector, clips, window, device)
        count = sum(value.numel() for value in fisher.values())
        mean = sum(float(value.double().sum()) for value in fisher.values()) / count
        scaled = {name: value / mean if mean else value for name, value in fisher.items()}
        return cls(scaled, first, weight)

    def penalty(
        self, detector: nn.Module, waveforms: Tensor, labels: Tensor, logits: Tensor
    ) -> Tensor:
        """The weighted square of how far the weights have moved."""
        del waveforms, labels
        total = logits.new_zeros((), dtype=torch.float32)
        for name, value in _learning(detector):
            total = total + (self.fisher[name] * (value - self.first[name]).square()).sum()
        return 0.5 * self.weight * total


def fisher_diagonal(
    detector: nn.Module, clips: Clips, window: WindowParams, device: torch.device
) -> dict[str, Tensor]:
    """The diagonal of the Fisher information by parameter name, in evaluation mode."""
    parameters = dict(_learning(detector))
    fisher = {name: torch.zeros_like(value) for name, value in parameters.items()}
    for waveform in each_clip(detector, clips, window, device):
        score = cm_score(detector(waveform)).sum()
        real = torch.sigmoid(score.detach())
        slopes = torch.autograd.grad(score, list(parameters.values()), allow_unused=True)
        for name, slope in zip(parameters, slopes, strict=True):
            if slope is not None:
                fisher[name] += real * (1 - real) * slope.square() / len(clips)
    return fisher


def _learning(detector: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, value) for name, value in detector.named_parameters() if value.requires_grad]
