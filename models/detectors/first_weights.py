"""The detector that a training from scratch begins with."""

from __future__ import annotations

import logging

from models.detectors import build_detector
from models.detectors.detector import Detector
from models.fronts.locating import Pretrained, named, weights_source
from models.params.tree import Params

_log = logging.getLogger(__name__)


def new_detector(params: Params) -> Detector:
    """The detector of `params.detector` with random weights, and the pretrained ones asked for.

    Raises InputError where `training.pretrained` does not fit. What is built here and stored holds
    all of its weights: the file is never needed again.
    """
    detector = build_detector(params.detector.name, params.detector.options)
    give_pretrained(detector, params.training.pretrained)
    fronts, names = detector.published_fronts, named(params.training.pretrained)
    if len(names) < len(fronts):
        _log.warning(
            "%s: training.pretrained has weights for %d of its fronts (%s); the rest starts from "
            "random weights",
            detector.name, len(names), ", ".join(fronts),
        )  # fmt: skip
    return detector


def give_pretrained(detector: Detector, pretrained: Pretrained) -> None:
    """Give a detector the weights that `training.pretrained` names.

    Raises InputError where they are of another network, or a published front was not fetched.
    """
    for name in named(pretrained):
        detector.take_pretrained(weights_source(name))
        _log.info("%s: weights of %s", detector.name, name)
