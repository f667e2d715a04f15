"""A correction of known scores by logistic regression, pulled towards no correction.

With s the score that a detector gives now and z its standardised embedding, the model is

    log P(bona fide) / P(spoof) = s + z · u + c

fitted by the minimum of   Σ w_i log(1 + exp(-y_i (s_i + z_i · u + c))) + λ/2 (|u|² + c²)

with y = +1 for bona fide and -1 for spoof, and weights w that sum to 1. It is the maximum a
posteriori of a logistic regression whose Gaussian prior has its mean at the present weights (biased
regularisation: Kienzle and Chellapilla, "Personalized handwriting recognition via biased
regularization", ICML 2006).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

Floats = NDArray[np.float64]
DIRECTIONS = 512
_ITERATIONS = 200
_GRADIENT = 1e-6  # where the fit ends; the loss is about 1


@dataclass(frozen=True)
class Scaling:
    """Embeddings to numbers of mean 0 and spread 1, of dimensions that differ at all."""

    centre: Floats  # (d,)
    spread: Floats  # (d,)

    @classmethod
    def of(cls, embeddings: NDArray[np.floating]) -> Scaling:
        """That of embeddings (n, d)."""
        values = embeddings.astype(np.float64)
        spread = values.std(axis=0)
        negligible = 1e-6 * max(float(spread.max(initial=0.0)), 1e-12)
        return cls(values.mean(axis=0), np.where(spread > negligible, spread, np.inf))

    def __call__(self, embeddings: NDArray[np.floating]) -> Floats:
        """Standardised embeddings (n, d); 0 where a dimension is constant."""
        scaled: Floats = (embeddings.astype(np.float64) - self.centre) / self.spread
        return scaled

    def undone(self, correction: Floats) -> tuple[Floats, float]:
        """Direction (d,) and offset, of embeddings as they are, of a correction (d + 1,)."""
        direction = correction[:-1] / self.spread
        return direction, float(correction[-1] - direction @ self.centre)


@dataclass(frozen=True)
class Directions:
    """The directions in which standardised embeddings vary most: few numbers say nearly all.

    A correction that is pulled towards 0 hardly uses the others, and with them takes minutes.
    """

    basis: Floats | None  # (d, k) of orthonormal columns; None: all of d, as they are

    @classmethod
    def of(cls, scaled: Floats) -> Directions:
        """At most `DIRECTIONS` of embeddings (n, d); the same for the same embeddings."""
        if scaled.shape[1] <= DIRECTIONS:
            return cls(None)
        from sklearn.utils.extmath import randomized_svd

        count = min(DIRECTIONS, len(scaled))
        _, _, rows = randomized_svd(scaled, count, n_iter=2, random_state=0)
        return cls(np.ascontiguousarray(rows.T))

    def __call__(self, scaled: Floats) -> Floats:
        """Embeddings (n, d) along them, (n, k)."""
        return scaled if self.basis is None else scaled @ self.basis

    def undone(self, correction: Floats) -> Floats:
        """The correction (d + 1,) of embeddings of one (k + 1,) along the directions."""
        if self.basis is None:
            return correction
        return np.append(self.basis @ correction[:-1], correction[-1])


def fit_correction(
    scaled: Floats, scores: Floats, bonafide: NDArray[np.bool_], weights: Floats, strength: float,
    start: Floats | None = None,
) -> Floats:  # fmt: skip
    """Correction (d + 1,), its last number the offset, of standardised embeddings (n, d).

    `scores` (n,) are those of now, `strength` is λ; the fit is deterministic.
    """
    sign = np.where(bonafide, 1.0, -1.0)

    def objective(correction: Floats) -> tuple[float, Floats]:
        margin = sign * (scores + scaled @ correction[:-1] + correction[-1])
        loss = weights @ np.logaddexp(0.0, -margin) + strength / 2 * (correction @ correction)
        pull = -weights * sign * expit(-margin)
        gradient = np.append(pull @ scaled, pull.sum()) + strength * correction
        return float(loss), gradient

    first = np.zeros(scaled.shape[1] + 1) if start is None else start
    options = {"maxiter": _ITERATIONS, "gtol": _GRADIENT}
    minimum: Floats = minimize(objective, first, jac=True, method="L-BFGS-B", options=options).x
    return minimum
