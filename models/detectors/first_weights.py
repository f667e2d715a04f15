"""The detector that a training from scratch begins with."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

from models.detectors import build_detector
from models.detectors.detector import Detector
from models.detectors.ensemble import Ensemble
from models.fronts.locating import require_fetched, weights_source
from models.params.detector import PUBLISHED, DetectorParams
from models.params.tree import Params

_log = logging.getLogger(__name__)


def new_detector(params: Params) -> Detector:
    """The detector of `params.detector` with random weights, and the pretrained ones asked for.

    Raises InputError where `training.pretrained` does not fit, or published weights are not here.
    What is built here and stored holds all of its weights: the files are never needed again.
    """
    require_fetched(params.pretrained)
    detector = build_detector(params.detector.name, params.detector.options)
    for part, chosen in _parts(detector, params):
        give_pretrained(part, chosen)
    return detector


def give_pretrained(detector: Detector, params: Params) -> None:
    """Give a detector the weights that `training.pretrained` means for it.

    Raises InputError where they are of another network.
    """
    fronts, names = detector.published_fronts, params.pretrained
    for name in names:
        detector.take_pretrained(weights_source(name))
        _log.info("%s: weights of %s", detector.name, name)
    if len(names) < len(fronts):
        _log.warning(
            "%s: training.pretrained has weights for %d of its fronts (%s); the rest starts from "
            "random weights",
            detector.name, len(names), ", ".join(fronts),
        )  # fmt: skip


def _parts(detector: Detector, params: Params) -> Iterator[tuple[Detector, Params]]:
    """The detector, or members of an ensemble that learn here, with the params of each."""
    if not isinstance(detector, Ensemble) or params.training.pretrained != PUBLISHED:
        yield detector, params
        return
    for entry, member in zip(detector.entries, detector.detectors, strict=True):
        if "folder" not in entry:
            chosen = replace(params, detector=DetectorParams(entry["name"], entry["options"]))
            yield from _parts(member, chosen)
