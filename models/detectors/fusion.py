"""Weights of an ensemble's members, by logistic regression over their cm_scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError

_STRENGTH = 10.0  # inverse of the L2 penalty, as in calibration: keeps separable scores finite


def fused(
    scores: NDArray[np.float64], bonafide: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], float]:
    """Weights (members,) and offset of scores (clips, members); both classes weigh the same."""
    from sklearn.linear_model import LogisticRegression  # to answer needs none of it

    centre, spread = scores.mean(axis=0), scores.std(axis=0)
    spread[spread == 0] = 1.0
    model = LogisticRegression(C=_STRENGTH, class_weight="balanced")
    model.fit((scores - centre) / spread, bonafide)
    weights = model.coef_[0] / spread
    return weights, float(model.intercept_[0] - weights @ centre)


def fused_upwards(
    scores: NDArray[np.float64], bonafide: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], float]:
    """`fused` without weights below 0: members that would have one are left out, worst first.

    Non-negative stacking (Breiman 1996, doi 10.1007/BF00117832): what is turned round on a few
    attacks that were left out is no rule for others. Raises InputError where no member remains.
    """
    chosen = list(range(scores.shape[1]))
    while chosen:
        some, offset = fused(scores[:, chosen], bonafide)
        if some.min() >= 0.0:
            weights = np.zeros(scores.shape[1])
            weights[chosen] = some
            return weights, offset
        del chosen[int(np.argmin(some))]
    raise InputError(
        "option fused_on: dev expected, no member scores bona fide speech above spoofs of attacks "
        "that it has not learnt"
    )
