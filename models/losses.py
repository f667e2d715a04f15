"""What training lowers, weighted by class: a miss and a false alarm do not cost the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.params import TrainingParams

Loss = Callable[[Tensor, Tensor], Tensor]


def build_loss(training: TrainingParams) -> Loss:
    """The loss named by `training.loss`: logits (b, 2), labels (b,) -> scalar.

    A label is the position of its class among the logits: 1 for bona fide.

    Both are means weighted by class. `cross-entropy` lets the two logits compete in a softmax;
    `bce` asks of each logit by itself whether its class is there.
    """
    by_class = torch.tensor([1.0 - training.bonafide_weight, training.bonafide_weight])

    def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(logits, labels, weight=by_class.to(logits))

    def bce(logits: Tensor, labels: Tensor) -> Tensor:
        targets = functional.one_hot(labels, 2).to(logits)  # (b, 2)
        each = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        weights = by_class.to(logits)[labels]  # (b,)
        return (each.mean(dim=1) * weights).sum() / weights.sum()

    return cross_entropy if training.loss == "cross-entropy" else bce


def score_loss(
    cm_scores: NDArray[np.float64], bonafide: NDArray[np.bool_], bonafide_weight: float
) -> float:
    """Cross-entropy weighted by class of cm_scores (n,), as if each were of a single window."""
    each = np.logaddexp(0.0, np.where(bonafide, -cm_scores, cm_scores))
    weights = np.where(bonafide, bonafide_weight, 1.0 - bonafide_weight)
    return float(np.average(each, weights=weights)) if weights.sum() > 0 else 0.0
