"""Detectors built by name. Apart from their table, so that an ensemble can build its members."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from models.detectors.detector import Detector
from models.errors import InputError

DETECTORS: dict[str, Callable[..., Detector]] = {}  # filled in `models/detectors/__init__.py`


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
            names = ", ".join(signature.parameters)
            raise InputError(f"{name}: no option named '{key}'; known: {names}")
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
