"""Detectors by name. A key here is a promise to every stored champion: never renamed."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from models.detectors.aasist import Aasist
from models.detectors.cnn_lstm import CnnLstm
from models.detectors.detector import Detector, cm_score
from models.detectors.ensemble import Ensemble
from models.detectors.lcnn import Lcnn
from models.detectors.lfcc_gmm import LfccGmm
from models.detectors.light_darts.detector import LightDarts
from models.detectors.mel_transformer import MelTransformer
from models.detectors.mfcc_attention import MfccAttention
from models.detectors.rawgat_st import RawGatSt
from models.detectors.rawnet2 import RawNet2
from models.detectors.resnet import Resnet
from models.detectors.ssl_aasist import SslAasist
from models.errors import InputError

__all__ = ["DETECTORS", "Detector", "build_detector", "cm_score", "resolve_options"]

DETECTORS: dict[str, Callable[..., Detector]] = {
    "aasist": Aasist,
    "aasist-l": partial(
        Aasist, widths=(32, 32, 24, 24), graph_dims=(24, 32), pool_ratios=(0.4, 0.5, 0.7)
    ),
    "rawgat-st": RawGatSt,
    "rawnet2": RawNet2,
    "lcnn": Lcnn,
    "resnet": Resnet,
    "mel-transformer": MelTransformer,
    "mfcc-attention": MfccAttention,
    "cnn-lstm": CnnLstm,
    "lfcc-gmm": LfccGmm,
    "ensemble": Ensemble,
    "ssl-aasist": SslAasist,
    "light-darts": LightDarts,
}


def build_detector(name: str, options: Mapping[str, Any] | None = None) -> Detector:
    """A detector with fresh weights; raises InputError for an unknown name or option."""
    resolved = resolve_options(name, options)
    detector = DETECTORS[name](**resolved)
    detector.name, detector.options = name, resolved
    return detector


def resolve_options(name: str, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Every option of a detector, defaults included, as JSON would hold it.

    Stored in this form, a champion stays what it was when a default changes.
    """
    if name not in DETECTORS:
        raise InputError(f"no detector named '{name}'; known: {', '.join(DETECTORS)}")
    signature = inspect.signature(DETECTORS[name])
    for key in options or {}:
        if key not in signature.parameters:
            known = ", ".join(signature.parameters)
            raise InputError(f"{name}: no option named '{key}'; known: {known}")
    bound = signature.bind(**(options or {}))
    bound.apply_defaults()
    kind: Any = getattr(DETECTORS[name], "func", DETECTORS[name])  # the class of a partial
    completed: dict[str, Any] = kind.completed(
        {
            key: list(value) if isinstance(value, tuple) else copy.deepcopy(value)
            for key, value in bound.arguments.items()
        }
    )
    return completed
