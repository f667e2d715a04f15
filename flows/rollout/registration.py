"""A winner becomes a version of the registry."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path

from flows import audit_trail
from flows.candidate.evaluate import REPORT
from infra import registry
from models.files.manifest import REFERENCE, read_manifest, write_manifest

log = logging.getLogger("antiphon.cycle")


def assemble(detector: Path, evaluation: Path, folder: Path) -> None:
    """Make the folder that is registered: a calibrated detector with its report and reference."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(detector, folder)
    for name in (REFERENCE, REPORT):
        shutil.copy(evaluation / name, folder / name)
    write_manifest(folder, read_manifest(folder))


def register_version(folder: Path, run_id: str, tags: Mapping[str, str], actor: str) -> int:
    """Put an assembled folder into the registry; the same run is the same version."""
    version = registry.register(folder, run_id, dict(tags))
    audit_trail.registered(version, folder, actor)
    log.info("registered as version %d", version.version)
    return version.version
