"""Logistic regression over features that do not learn: fitted in seconds, one linear layer.

A frozen front and a logistic regression are the usual probe of learnt representations, and for
spoofing a strong detector (arXiv 2309.05384). The regression is scikit-learn's, on standardised
features, with an L2 penalty and classes of equal weight: its cm_score is the log-odds of bona fide
speech where both classes are equally likely.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.detectors.detector import BONAFIDE, SPOOF
from models.detectors.fitted import Fitting, FixedFront, estimated
from models.detectors.options import number, whole_number
from models.detectors.regression import Line, fitted_line
from models.errors import InputError

_OF_THE_FIT = ("passes", "inverse_penalty")  # options
_ESTIMATED = ("centre", "spread", "out_layer.weight", "out_layer.bias")


class LogisticDetector(FixedFront):
    """A subclass has `feature_dim` and `features`, and calls `build_answer` when it is built.

    The embedding is the features standardised by mean and standard deviation over train. Logits
    are `out_layer` of it, whose rows are each other's negatives. Estimated weights: 4 d + 2.

    Args (options in params.yaml that a subclass passes on):
        passes: over train; more than one pays only where clips are augmented or longer than a crop.
        inverse_penalty: scikit-learn's C for standardised features and weights of mean 1; null:
            64 / the features of a probe. Log-odds are then spread alike before fitting, whatever
            their number.
    """

    def build_answer(self, passes: int, inverse_penalty: float | None) -> None:
        """Make the weights that `fit` estimates; raises InputError for an option out of range."""
        self.passes = whole_number("passes", passes, 1, 1_000)
        dimensions = self.feature_dim
        if inverse_penalty is not None:
            number("inverse_penalty", inverse_penalty, 1e-9, 1e9)
        self.inverse_penalty = inverse_penalty
        self.centre = estimated(torch.zeros(dimensions))
        self.spread = estimated(torch.ones(dimensions))
        self.out_layer = nn.Linear(dimensions, 2).requires_grad_(False)
        self._take_weights(torch.randn(dimensions) / math.sqrt(dimensions), 0.0)

    @property
    def probes(self) -> Sequence[int]:
        """Sizes of the groups of features, in their order, that are fitted each alone."""
        return (self.feature_dim,)

    @property
    def embedding_dim(self) -> int:
        """One number for each feature."""
        return self.feature_dim

    def answer(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (batch, embedding_dim) and logits (batch, 2) of features (batch, d)."""
        embedding = (features - self.centre) / self.spread
        logits: Tensor = self.out_layer(embedding)
        return embedding, logits

    def front_options(self) -> Mapping[str, Any]:
        """All options but those of the fit."""
        return {name: value for name, value in self.options.items() if name not in _OF_THE_FIT}

    def front_weights(self) -> Mapping[str, Tensor]:
        """All weights but those that `fit` estimates."""
        state = self.state_dict()
        return {name: weight for name, weight in state.items() if name not in _ESTIMATED}

    def fit(self, fitting: Fitting) -> None:
        """Standardisation and regression on train; dev is not looked at."""
        examples = fitting.examples(self, self.passes)
        if not fitting.world.leads:
            return  # one fits, the others receive its weights
        if not np.isfinite(examples.features).all():
            raise InputError(f"{self.name}: finite features expected of each train clip")
        self.take(fitted_line(examples, self.inverse_penalty, self.probes))

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
