"""A detector on disk: its name, every option, and plain weights. No pickle is ever written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.detectors import build_detector
from models.detectors.detector import Detector
from models.detectors.plain_weights import fill, read_weights
from models.errors import InputError
from models.files.manifest import MANIFEST, WEIGHTS, Manifest, verify, write_manifest
from models.files.whole_folders import written_whole
from models.params.window import WindowParams


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
    manifest = verify(folder)
    if WEIGHTS not in manifest.files:
        raise InputError(f"{folder}: the manifest names no {WEIGHTS}")
    weights = read_weights(folder / WEIGHTS)
    detector = build_detector(manifest.detector, manifest.options)
    fill(detector, weights, str(folder / WEIGHTS), manifest.detector)
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
    fill(detector, read_weights(weights), str(weights), name)
    return save_detector(detector, folder, window or WindowParams())
