"""The weights that a training begins with."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from flows.candidate.pipeline_folders import CHAMPION
from models.detectors import resolve_options
from models.detectors.first_weights import new_detector
from models.errors import InputError
from models.files.manifest import read_manifest
from models.training.train import seed_everything

if TYPE_CHECKING:
    from models.detectors.detector import Detector
    from models.params.tree import Params

log = logging.getLogger("antiphon.stages")


def initial_folder(params: Params) -> Path | None:
    """The weights to start from; None where there are none of the kind params.yaml asks for.

    Raises InputError where a folder that `training.initial` names holds others.
    """
    initial, wanted = params.training.initial, params.detector
    if initial == "scratch" or (initial == "champion" and not CHAMPION.is_dir()):
        return None
    folder = CHAMPION if initial == "champion" else Path(initial)
    manifest = read_manifest(folder)
    options = resolve_options(manifest.detector, manifest.options)  # it may be older than an option
    if manifest.detector == wanted.name and options == resolve_options(wanted.name, wanted.options):
        return folder
    if folder != CHAMPION:
        kind = "of other options" if manifest.detector == wanted.name else f"of {manifest.detector}"
        raise InputError(
            f"training.initial: weights of {wanted.name} with the options of params.yaml expected, "
            f"{folder} holds those {kind}"
        )
    log.info("%s is another detector than params.yaml asks for: from scratch", folder)
    return None


def random_detector(params: Params) -> Detector:
    """A detector with weights drawn by the seed, or with those that `training.pretrained` names."""
    seed_everything(params.training.seed)
    return new_detector(params)
