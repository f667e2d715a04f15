"""Logistic regression over features that do not learn: fitted in seconds, one linear layer.

A frozen front and a logistic regression are the usual probe of learnt representations, and for
spoofing a strong detector (arXiv 2309.05384). The regression is scikit-learn's, on standardised
features, with an L2 penalty and classes of equal weight: its cm_score is the log-odds of bona fide
speech where both classes are equally likely.
"""

from __future__ import annotations

import logging
import math
import warnings
from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.detectors.detector import BONAFIDE, SPOOF
from models.detectors.fitted import Examples, FittedDetector, Fitting, estimated
from models.detectors.options import number, whole_number
from models.errors import InputError

SPREAD = 8.0  # of the log-odds before any clip was heard, in nats: sets the default penalty
_ITERATIONS = 1_000
_LEAST_SPREAD = 1e-5  # of a feature, relative to its mean: below, it is rounding
_BLOCK = 4_096  # rows converted to float64 at once
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Line:
    """cm_score = ((features - centre) / spread) @ weights + offset."""

    centre: NDArray[np.float64]  # (d,)
    spread: NDArray[np.float64]  # (d,) above 0
    weights: NDArray[np.float64]  # (d,)
    offset: float


class LogisticDetector(FittedDetector):
    """A subclass has `feature_dim` and `features`, and calls `build_answer` when it is built.

    The embedding is the features standardised by mean and standard deviation over train. Logits
    are `out_layer` of it, whose rows are each other's negatives. Estimated weights: 4 d + 2.

    Args (options in params.yaml that a subclass passes on):
        passes: over train; more than one pays only where clips are augmented or longer than a crop.
        inverse_penalty: scikit-learn's C for standardised features and weights of mean 1; null:
            64 / feature_dim. Log-odds are then spread alike before fitting, whatever the number
            of features.
    """

    def build_answer(self, passes: int, inverse_penalty: float | None) -> None:
        """Make the weights that `fit` estimates; raises InputError for an option out of range."""
        self.passes = whole_number("passes", passes, 1, 1_000)
        dimensions = self.feature_dim
        self.inverse_penalty = (
            default_penalty(dimensions)
            if inverse_penalty is None
            else number("inverse_penalty", inverse_penalty, 1e-9, 1e9)
        )
        self.centre = estimated(torch.zeros(dimensions))
        self.spread = estimated(torch.ones(dimensions))
        self.out_layer = nn.Linear(dimensions, 2).requires_grad_(False)
        self._take_weights(torch.randn(dimensions) / math.sqrt(dimensions), 0.0)

    @property
    @abstractmethod
    def feature_dim(self) -> int:
        """Numbers that `features` gives for a clip; known before `build_answer`."""

    @abstractmethod
    def features(self, waveforms: Tensor) -> Tensor:
        """(batch, feature_dim) of waveforms (batch, samples); nothing that `fit` changes is in it.

        Finite for silence; clips do not change each other; the gradient reaches the waveforms.
        """

    @property
    def embedding_dim(self) -> int:
        """One number for each feature."""
        return self.feature_dim

    def answer(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (batch, embedding_dim) and logits (batch, 2) of features (batch, d)."""
        embedding = (features - self.centre) / self.spread
        logits: Tensor = self.out_layer(embedding)
        return embedding, logits

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (batch, embedding_dim) and logits (batch, 2) of waveforms (batch, samples)."""
        return self.answer(self.features(waveforms))

    def fit(self, fitting: Fitting) -> None:
        """Standardisation and regression on train; dev is not looked at."""
        examples = fitting.examples(self.features, self.feature_dim, self.passes)
        if not fitting.world.leads:
            return  # one fits, the others receive its weights
        if not np.isfinite(examples.features).all():
            raise InputError(f"{self.name}: finite features expected of each train clip")
        self.take(fitted_line(examples, self.inverse_penalty))

    def take(self, line: Line) -> None:
        """Answer by this line from now on."""
        self.centre.copy_(torch.from_numpy(line.centre))
        self.spread.copy_(torch.from_numpy(line.spread))
        self._take_weights(torch.from_numpy(line.weights), line.offset)

    def _take_weights(self, weights: Tensor, offset: float) -> None:
        signs = {SPOOF: -0.5, BONAFIDE: 0.5}
        for row, sign in signs.items():
            self.out_layer.weight[row].copy_(sign * weights)
            self.out_layer.bias[row].fill_(sign * offset)


def default_penalty(dimensions: int) -> float:
    """The inverse penalty that spreads log-odds alike before fitting, whatever the dimensions."""
    return SPREAD**2 / dimensions


def fitted_line(examples: Examples, inverse_penalty: float) -> Line:
    """The logistic regression of bona fide on features, which it overwrites.

    Takes the memory of the features once; deterministic.
    """
    from sklearn.exceptions import ConvergenceWarning  # to answer needs none of it
    from sklearn.linear_model import LogisticRegression

    features = examples.features
    centre, spread = _moments(features)
    features -= centre.astype(np.float32)
    features /= spread.astype(np.float32)
    model = LogisticRegression(C=inverse_penalty, max_iter=_ITERATIONS)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(features, examples.bonafide, sample_weight=examples.weights)
    if any(issubclass(warning.category, ConvergenceWarning) for warning in caught):
        _log.warning("logistic regression: not converged after %d iterations", _ITERATIONS)
    weights = model.coef_[0].astype(np.float64)
    return Line(centre, spread, weights, float(model.intercept_[0]))


def _moments(features: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation (d,), summed in float64 block by block; no spread is 0."""
    starts = range(0, len(features), _BLOCK)
    centre = features.mean(axis=0, dtype=np.float64)
    squares = np.zeros_like(centre)
    for start in starts:
        squares += ((features[start : start + _BLOCK] - centre) ** 2).sum(axis=0)
    spread = np.sqrt(squares / len(features))
    spread[spread <= _LEAST_SPREAD * np.abs(centre)] = 1.0
    return centre, spread
