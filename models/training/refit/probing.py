"""The last layer of a detector that was fitted, fitted anew with new clips among the old.

A regression that was fitted on all of train has forgotten nothing: fitted again on replayed and new
clips, with the same penalty and the same probes, it is what a whole training would have made of
them. On `shared/corpus` it learns a new attack with fewer losses on known ones than a correction
that is pulled towards the present layer (docs/adaptation.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.packaging.last_layer import LastLayer
from models.training.refit.labelled import LabelledEmbeddings, even_weights, shared_weights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from models.detectors.detector import Detector
    from models.detectors.regression import Line

SHARE = 0.3  # of the weight of a class, what its new clips have together
MOST = 10.0  # times the mean weight of its class, what a single new clip weighs at most


@dataclass(frozen=True)
class Probing:
    """How the last layer of a `LogisticDetector` is fitted."""

    probes: Sequence[int]  # sizes of the groups of an embedding that are fitted each alone
    inverse_penalty: float | None

    @classmethod
    def of(cls, detector: Detector) -> Probing | None:
        """That of a detector; None where its last layer was not fitted."""
        from models.detectors.logistic import LogisticDetector  # torch

        if not isinstance(detector, LogisticDetector):
            return None
        return cls(tuple(detector.probes), detector.inverse_penalty)

    @classmethod
    def named(cls, detector: str, options: Mapping[str, Any]) -> Probing | None:
        """That of a detector by its name and options."""
        from models.detectors import DETECTORS, build_detector  # torch
        from models.detectors.logistic import LogisticDetector

        kind = DETECTORS[detector]
        if not (isinstance(kind, type) and issubclass(kind, LogisticDetector)):
            return None
        return cls.of(build_detector(detector, options))


def fit_anew(clips: LabelledEmbeddings, new: int, probing: Probing) -> LastLayer:
    """The layer of a regression on all clips, of which the last `new` are new."""
    from models.detectors.fitted import Examples  # torch
    from models.detectors.regression import fitted_line

    is_new = np.arange(len(clips)) >= len(clips) - new
    weights = _weights(clips, is_new)
    examples = Examples(clips.embeddings.copy(), clips.bonafide, weights * len(clips))
    line = fitted_line(examples, probing.inverse_penalty, probing.probes)
    return layer_of(line)


def layer_of(line: Line) -> LastLayer:
    """The last layer of embeddings (n, d) that gives the cm_scores of a line; rows are opposite."""
    direction = line.weights / line.spread
    nothing = LastLayer(np.zeros((2, direction.size), np.float32), np.zeros(2, np.float32))
    return nothing.moved(direction, line.offset - float(direction @ line.centre))


def _weights(clips: LabelledEmbeddings, is_new: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n,), summing to 1: new clips have their share, but none of them more than `MOST` allows."""
    share = SHARE
    for label in (True, False):
        of_class = clips.bonafide == label
        count = int((of_class & is_new).sum())
        if count:
            share = min(share, MOST * count / int(of_class.sum()))
    return shared_weights(clips.bonafide, is_new, share, even_weights(clips))
