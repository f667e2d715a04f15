"""A detector on disk: a name, options and plain files, with the hash of each.

    DETECTOR/
      manifest.json         this
      weights.safetensors   the state dict
      detector.onnx         waveforms (batch, samples) -> logits (batch, 2), embedding (batch, d)
      calibration.json      scores -> spoof_probability, and the operating threshold
      policies.json         verdicts by named policies: log-likelihood ratios
      golden.npz            waveforms (n, samples) and the logits they must give
      lessons.csv.gz        utterance_id and attack_id of every train trial
      reference.parquet     cm_score, acoustic features and embedding sketch of the eval trials

Only the first two exist from the start; later stages add the others and renew the manifest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from models.errors import InputError
from models.files.whole_files import write_json
from models.params.refusals import validated
from models.params.window import WindowParams

MANIFEST = "manifest.json"
WEIGHTS = "weights.safetensors"
GRAPH = "detector.onnx"
CALIBRATION = "calibration.json"
POLICIES = "policies.json"
GOLDEN = "golden.npz"
REFERENCE = "reference.parquet"
OF_SCORES = (CALIBRATION, POLICIES, REFERENCE)  # files that are about the scores of one graph
FORMAT = 1


@dataclass(frozen=True)
class Compression:
    """How a graph was compressed; its scores differ from those of torch.

    Its golden vectors are what the graph itself says, worked out operator by operator.
    """

    kind: str  # int8 | float16
    tolerance: float  # of a cm_score of a golden window, between the runtimes that may serve it
    mean_shift: float  # |Δcm_score| from the graph that it was made of, over `clips` of dev
    max_shift: float
    clips: int
    changed: tuple[str, ...]  # layers of the graph


@dataclass(frozen=True)
class Manifest:
    """The contents of a detector folder."""

    detector: str
    options: Mapping[str, Any] = field(default_factory=dict)
    window: WindowParams = field(default_factory=WindowParams)
    sample_rate: int = 16_000
    files: Mapping[str, str] = field(default_factory=dict)  # name -> SHA-256
    format: int = FORMAT
    compression: Compression | None = None  # of the graph alone: the weights are as trained


def write_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Hash every file of the folder and write the manifest last, whole or not at all."""
    files = {
        path.name: file_hash(path)
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != MANIFEST and not path.name.endswith(".part")
    }
    manifest = replace(manifest, files=files)
    write_json(folder / MANIFEST, asdict(manifest), sort_keys=True)
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a detector folder; raises InputError where there is none that can be used."""
    path = folder / MANIFEST
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{folder}: not a detector folder, {MANIFEST} is missing") from error
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(f"{path}: manifest format {FORMAT} expected")
    try:
        return _parsed(document, f"{path}: window")
    except (KeyError, TypeError) as error:
        raise InputError(f"{path}: not a manifest of format {FORMAT} ({error})") from error


def _parsed(document: Mapping[str, Any], place: str) -> Manifest:
    window = validated(WindowParams, document["window"], place)
    changes = document.get("compression")
    compression = (
        Compression(**{**changes, "changed": tuple(changes["changed"])}) if changes else None
    )
    return Manifest(**{**document, "window": window, "compression": compression})


def verify(folder: Path) -> Manifest:
    """Read the manifest and check every file's hash; raises InputError naming the file."""
    manifest = read_manifest(folder)
    for name, expected in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise InputError(f"{folder}: {name} is missing, the manifest lists it")
        if file_hash(path) != expected:
            raise InputError(f"{path}: contents differ from the hash in the manifest")
    return manifest


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
