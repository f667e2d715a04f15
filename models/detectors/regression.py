"""The line that a logistic regression finds: of one set of features, or of several, each a probe.

Several probes are each fitted alone, so that none is drowned by one that tells the known attacks
apart without the others, and their scores are averaged with equal spreads. The average of linear
probes is a linear probe.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from models.detectors.fitted import Examples

SPREAD = 8.0  # of the log-odds before any clip was heard, in nats: sets the default penalty
_ITERATIONS = 1_000
_LEAST_SPREAD = 1e-5  # of a feature, relative to its mean: below, it is rounding
_BLOCK = 4_096  # rows converted to float64 at once
_log = logging.getLogger(__name__)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """cm_score = ((features - centre) / spread) @ weights + offset."""

    centre: Floats  # (d,)
    spread: Floats  # (d,) above 0
    weights: Floats  # (d,)
    offset: float


def default_penalty(dimensions: int) -> float:
    """The inverse penalty that spreads log-odds alike before fitting, whatever the dimensions."""
    return SPREAD**2 / dimensions


def fitted_line(
    examples: Examples, inverse_penalty: float | None = None, probes: Sequence[int] | None = None
) -> Line:
    """The logistic regression of bona fide on features, which it overwrites.

    `probes` are the sizes of the groups of features that are fitted each alone and averaged; None:
    all are one. `inverse_penalty` is scikit-learn's C of each; None: `default_penalty` of its size.
    Takes the memory of the features once; deterministic.
    """
    features = examples.features
    centre, spread = _moments(features)
    features -= centre.astype(np.float32)
    features /= spread.astype(np.float32)
    sizes = probes or (features.shape[1],)
    parts = [
        _probe(features[:, first:last], examples, inverse_penalty)
        for first, last in pairwise(accumulate(sizes, initial=0))
    ]
    even = float(np.mean([part.spread for part in parts]))
    shares = [even / (len(parts) * part.spread) for part in parts]
    weights = [share * part.weights for share, part in zip(shares, parts, strict=True)]
    offsets = [share * part.offset for share, part in zip(shares, parts, strict=True)]
    return Line(centre, spread, np.concatenate(weights), sum(offsets))


@dataclass(frozen=True)
class _Probe:
    weights: Floats  # (d,)
    offset: float
    spread: float  # of its cm_scores over the examples


def _probe(
    features: NDArray[np.float32], examples: Examples, inverse_penalty: float | None
) -> _Probe:
    from sklearn.exceptions import ConvergenceWarning  # to answer needs none of it
    from sklearn.linear_model import LogisticRegression

    strength = inverse_penalty or default_penalty(features.shape[1])
    model = LogisticRegression(C=strength, max_iter=_ITERATIONS)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(features, examples.bonafide, sample_weight=examples.weights)
    if any(issubclass(warning.category, ConvergenceWarning) for warning in caught):
        _log.warning("logistic regression: not converged after %d iterations", _ITERATIONS)
    weights = model.coef_[0].astype(np.float64)
    spread = float((features @ weights).std())
    return _Probe(weights, float(model.intercept_[0]), spread or 1.0)


def _moments(features: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Mean and standard deviation (d,), summed in float64 block by block; no spread is 0."""
    starts = range(0, len(features), _BLOCK)
    centre = features.mean(axis=0, dtype=np.float64)
    squares = np.zeros_like(centre)
    for start in starts:
        squares += ((features[start : start + _BLOCK] - centre) ** 2).sum(axis=0)
    spread = np.sqrt(squares / len(features))
    spread[spread <= _LEAST_SPREAD * np.abs(centre)] = 1.0
    return centre, spread
