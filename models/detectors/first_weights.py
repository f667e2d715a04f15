"""The detector that a training from scratch begins with."""

from __future__ import annotations

import logging

from models.detectors import build_detector
from models.detectors.detector import Detector
from models.fronts.locating import weights_source
from models.params.tree import Params

_log = logging.getLogger(__name__)


def new_detector(params: Params) -> Detector:
    """The detector of `params.detector` with random weights, and the pretrained ones asked for.

    Raises InputError where `training.pretrained` does not fit. What is built here and stored holds
    all of its weights: the file is never needed again.
    """
    detector = build_detector(params.detector.name, params.detector.options)
    if params.training.pretrained is not None:
        give_pretrained(detector, params.training.pretrained)
        _log.info("%s: weights of %s", detector.name, params.training.pretrained)
    elif detector.wants_pretrained:
        _log.warning(
            "%s: its front starts from random weights; training.pretrained names others",
            detector.name,
        )
    return detector


def give_pretrained(detector: Detector, pretrained: str) -> None:
    """Give a detector the weights that `training.pretrained` names.

    Raises InputError where they are of another network, or a published front was not fetched.
    """
    detector.take_pretrained(weights_source(pretrained))
