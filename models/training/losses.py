"""What training lowers, weighted by class: a miss and a false alarm do not cost the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.detectors.detector import BONAFIDE, SPOOF, cm_score
from models.params.learning import ObjectiveParams
from models.params.training import TrainingParams
from models.tables import LOSSES as PLACES
from models.tables import LazyTable

FOCAL_GAMMA = 2.0  # as published
ONE_CLASS_SCALE = 20.0  # likewise, and the margins of a score in ±1
BONAFIDE_MARGIN, SPOOF_MARGIN = 0.9, 0.2

# logits (b, 2), targets (b, 2) -> loss of each clip (b,)
Objective = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Loss:
    """A mean over clips, each weighed by its class.

    A clip that is mixed of two classes weighs what its parts weigh. Smoothing changes what is
    learnt of a clip and not its weight: else the lighter class would be smoothed towards the
    heavier one.
    """

    objective: Objective
    bonafide_weight: float  # of a bona fide clip, 0–1; a spoof weighs the rest
    settings: ObjectiveParams

    def __call__(self, logits: Tensor, labels: Tensor, total: Tensor | None = None) -> Tensor:
        """Scalar of logits (b, 2) and labels: (b,), 1 for bona fide, or shares (b, 2) of classes.

        Where the clips are a part of a batch, `total` is the weight of the whole of it: the sum
        over its parts is then the loss of the batch.
        """
        targets = as_targets(labels).to(logits)
        weights = self.weights(targets)
        smoothing = self.settings.label_smoothing
        targets = targets * (1.0 - smoothing) + smoothing / 2
        losses = self.objective(logits, targets)
        return (losses * weights).sum() / (weights.sum() if total is None else total)

    def weights(self, labels: Tensor) -> Tensor:
        """What each clip (b,) counts."""
        targets = as_targets(labels)
        spoof_weight = 1.0 - self.bonafide_weight
        return targets[:, SPOOF] * spoof_weight + targets[:, BONAFIDE] * self.bonafide_weight


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """The two logits compete in a softmax."""
    return -(targets * functional.log_softmax(logits, dim=1)).sum(dim=1)


def binary_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy of each logit by itself."""
    losses = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return losses.mean(dim=1)


def focal(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy times (1 − p)^γ: confident answers count less (arXiv 1708.02002, eq. 4)."""
    log_p = functional.log_softmax(logits, dim=1)  # (b, 2)
    unknown = (1.0 - log_p.exp()).clamp_min(1e-7)  # a power has no gradient at 0
    return -(targets * unknown**FOCAL_GAMMA * log_p).sum(dim=1)


def one_class(logits: Tensor, targets: Tensor) -> Tensor:
    """Bona fide clips beyond one margin, spoofs merely below another (arXiv 2010.13995, eq. 5).

    The paper scores by the cosine between an embedding and a learnt direction. Here the score in
    ±1 is s / (1 + |s|) of the cm_score s, which has the same order as s: what is learnt is what an
    exported graph answers with, and any detector can learn it.
    """
    score = functional.softsign(cm_score(logits))  # (b,)
    scale = ONE_CLASS_SCALE
    bonafide = functional.softplus(scale * (BONAFIDE_MARGIN - score))
    spoof = functional.softplus(scale * (score - SPOOF_MARGIN))
    return targets[:, SPOOF] * spoof + targets[:, BONAFIDE] * bonafide


LOSSES: LazyTable[Objective] = LazyTable(PLACES)


def build_loss(training: TrainingParams) -> Loss:
    """The loss named by `training.loss`, with the smoothing of `training.objective`."""
    return Loss(LOSSES[training.loss], training.bonafide_weight, training.objective)


def as_targets(labels: Tensor) -> Tensor:
    """Shares (b, 2) of the classes, of labels (b,) or of such shares."""
    if labels.ndim == 2:
        return labels
    return functional.one_hot(labels, 2).to(torch.float32)


def score_loss(
    cm_scores: NDArray[np.float64], bonafide: NDArray[np.bool_], bonafide_weight: float
) -> float:
    """Cross-entropy weighted by class of cm_scores (n,), as if each were of a single window."""
    losses = np.logaddexp(0.0, np.where(bonafide, -cm_scores, cm_scores))
    weights = np.where(bonafide, bonafide_weight, 1.0 - bonafide_weight)
    return float(np.average(losses, weights=weights)) if weights.sum() > 0 else 0.0
