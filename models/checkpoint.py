"""A detector on disk: its name, every option, and plain weights. No pickle is ever written."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.detectors import build_detector
from models.detectors.detector import Detector
from models.errors import InputError
from models.folders import written_whole
from models.manifest import MANIFEST, WEIGHTS, Manifest, verify, write_manifest
from models.params import WindowParams

# What torch.load raises for a file that is no checkpoint, by the kind of damage.
_UNREADABLE = (
    pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, AttributeError,
    TypeError, OverflowError,
)  # fmt: skip


def save_detector(detector: Detector, folder: Path, window: WindowParams) -> Manifest:
    """Write a detector folder, whole or not at all; an older detector in its place is replaced."""
    from safetensors.torch import save  # a bare GPU worker trains without it

    with written_whole(folder, MANIFEST) as new:
        weights = {
            name: value.detach().cpu().contiguous() for name, value in detector.state_dict().items()
        }
        (new / WEIGHTS).write_bytes(save(weights))  # save_file makes it private to its owner
        options = dict(detector.options)
        return write_manifest(new, Manifest(detector.name, options, window))


def load_detector(folder: Path) -> Detector:
    """The detector of a folder, on the CPU and in eval mode.

    Raises InputError where a file is missing or is not the one that the manifest names.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    manifest = verify(folder)
    if WEIGHTS not in manifest.files:
        raise InputError(f"{folder}: the manifest names no {WEIGHTS}")
    try:
        weights = load_file(folder / WEIGHTS)
    except SafetensorError as error:
        raise InputError(f"{folder / WEIGHTS}: not a safetensors file ({error})") from error
    detector = build_detector(manifest.detector, manifest.options)
    fill(detector, weights, origin=str(folder / WEIGHTS))
    return detector.eval()


def import_weights(
    name: str,
    weights: Path,
    folder: Path,
    options: Mapping[str, Any] | None = None,
    window: WindowParams | None = None,
) -> Manifest:
    """Turn a published checkpoint (a state dict saved by torch) into a detector folder.

    Raises InputError for a file that holds no weights, or those of another detector.
    """
    detector = build_detector(name, options)
    fill(detector, _read_weights(weights), origin=str(weights))
    return save_detector(detector, folder, window or WindowParams())


def fill(detector: Detector, weights: Mapping[str, Tensor], origin: str) -> None:
    """Give a detector its weights, each by its name and of its shape, or raise InputError."""
    expected = detector.state_dict()
    place = f"{origin}: not weights of {detector.name}"
    missing = [name for name in expected if name not in weights]
    unexpected = [name for name in weights if name not in expected]
    if missing or unexpected:
        faults = [_listed("missing", missing), _listed("unexpected", unexpected)]
        raise InputError(f"{place}: {'; '.join(fault for fault in faults if fault)}")
    for name, value in weights.items():
        if value.shape != expected[name].shape:
            shapes = f"shape {tuple(expected[name].shape)} expected, found {tuple(value.shape)}"
            raise InputError(f"{place} with these options: {name}: {shapes}")
        if not torch.isfinite(value).all():
            raise InputError(f"{origin}: {name} holds values that are not finite")
    detector.load_state_dict(weights, strict=True)


def _read_weights(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise InputError(f"{path}: no such file of weights")
    try:
        # weights_only: what else a pickle holds, code above all, is refused unread
        content = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise InputError(f"{path}: not a file of plain weights saved by torch") from error
    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    ):
        raise InputError(f"{path}: a state dict (names and tensors) expected, found something else")
    return dict(content)


def _listed(kind: str, names: Sequence[str], shown: int = 3) -> str:
    """`2 missing (a, b)`; empty where there are none."""
    if not names:
        return ""
    rest = ", …" if len(names) > shown else ""
    return f"{len(names)} {kind} ({', '.join(names[:shown])}{rest})"
