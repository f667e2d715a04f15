"""What a verdict is about, besides scores: who asked, which detectors, made from what."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from flows.candidate.evaluate import REPORT
from flows.candidate.workspace import PROJECT, code_commit
from models.files.manifest import MANIFEST, REFERENCE, Manifest, file_hash, read_manifest


@dataclass(frozen=True)
class AnsweredRequest:
    """One request that the cycle answers."""

    trigger: str  # drift | schedule | labels | manual | register
    reason: str
    at: str  # ISO 8601


@dataclass(frozen=True)
class Contestant:
    """A detector before the gate, by what its folder says."""

    detector: str
    options: Mapping[str, Any]
    window_samples: int
    sample_rate: int  # Hz
    manifest_sha256: str
    files: Mapping[str, str]  # name -> SHA-256
    compression: str | None = None  # int8 | float16
    version: int | None = None  # in the registry; None: not registered
    run_id: str | None = None
    content: str = ""  # SHA-256 of all that its scores depend on, without reports; "": not known

    @classmethod
    def of(cls, folder: Path, version: int | None = None, run_id: str | None = None) -> Contestant:
        """Read from a detector folder; raises InputError where it is none."""
        manifest = read_manifest(folder)
        return cls(
            manifest.detector,
            dict(manifest.options),
            manifest.window.samples,
            manifest.sample_rate,
            file_hash(folder / MANIFEST),
            dict(sorted(manifest.files.items())),
            manifest.compression.kind if manifest.compression else None,
            version,
            run_id,
            _content(manifest),
        )


def _content(manifest: Manifest) -> str:
    files = {k: v for k, v in manifest.files.items() if k not in (REPORT, REFERENCE)}
    text = json.dumps(asdict(replace(manifest, files=files)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Case:
    """What was asked, what stands before the gate and what it was made from."""

    run_id: str
    candidate: Contestant
    champion: Contestant | None
    dataset: str  # the version the candidate was made or judged with
    requests: tuple[AnsweredRequest, ...]
    began: str  # ISO 8601; a retry of the same case has the same
    actor: str  # who judges, for the audit log
    cycle_id: str | None = None  # None: no cycle, `antiphon register`
    revisions: Mapping[str, str] = field(default_factory=dict)  # what of -> revision or SHA-256
    rules: Mapping[str, Any] = field(default_factory=dict)  # section `promotion` of params.yaml
    report: Mapping[str, Any] = field(default_factory=dict)  # the candidate's report.json

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)


def revisions(*files: Path) -> dict[str, str]:
    """Which code is running, and the SHA-256 of its lock and of `files`, where they are there."""
    hashes = {"code": code_commit(), "antiphon": _package_version()}
    for path in (PROJECT / "requirements.lock", *files):
        if path.is_file():
            hashes[path.name] = file_hash(path)
    return hashes


def _package_version() -> str:
    try:
        return version("antiphon")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "not installed"
