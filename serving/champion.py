"""One version of the registry, opened to serve requests."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from models.errors import InputError
from models.evaluation.calibration import Calibration
from models.evaluation.policies import Policies, read_policies, threshold_alone
from models.files.manifest import CALIBRATION, MANIFEST, POLICIES, Manifest, file_hash
from models.packaging.runtime import ExportedDetector

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class LoadedChampion:
    """A loaded detector; an answer takes all facts about its model from one champion."""

    version: int
    detector: ExportedDetector
    calibration: Calibration
    policies: Policies
    manifest_hash: str  # SHA-256 of manifest.json, which holds the hash of every other file
    loaded_at: datetime

    @property
    def manifest(self) -> Manifest:
        """The detector's manifest."""
        return self.detector.manifest


def load_champion(version: int, folder: Path, threads: int) -> LoadedChampion:
    """Open a detector folder: check hashes and golden vectors, and run one window to warm up.

    Raises InputError if the folder does not match its manifest.
    """
    detector = ExportedDetector.open(folder, threads=threads)
    if detector.calibration is None:
        raise InputError(f"{folder}: {CALIBRATION} is missing, no verdict can be given")
    detector.check_golden()
    detector.run(np.zeros((threads, detector.manifest.window.samples), dtype=np.float32))
    return LoadedChampion(
        version=version,
        detector=detector,
        calibration=detector.calibration,
        policies=_policies(version, folder, detector, detector.calibration),
        manifest_hash=file_hash(folder / MANIFEST),
        loaded_at=datetime.now(UTC),
    )


def _policies(
    version: int, folder: Path, detector: ExportedDetector, calibration: Calibration
) -> Policies:
    if POLICIES in detector.manifest.files:
        return read_policies(folder)
    log.info("version %d was trained without policies: it serves `default` alone", version)
    return threshold_alone(calibration)
