"""Eval clips attacked through a detector, made once for each detector and kept on disk."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from dataclasses import asdict
from pathlib import Path

from flows.candidate.devices import device_here
from models.data.clips import Clips, is_packed, open_clips, pack_clips
from models.files.manifest import WEIGHTS, read_manifest
from models.params.evaluation_sets import EvaluationSetsParams
from models.promotion.evaluation_sets import version_of

CACHED = 8  # attacked sets of earlier detectors and params
_PART = "attacked"

log = logging.getLogger("antiphon.cycle")


def attack_clips(
    clips: Clips, name: str, detector: Path, params: EvaluationSetsParams, cache: Path
) -> Clips | None:
    """Some of the clips, attacked through a detector folder, in windows of its own.

    From `cache` where the same were made before. None where the attack needs a gradient and none of
    the detector's reaches the waveform. `name` is what the log calls the detector.
    """
    from models.adversarial.robustness import draw_clips  # torch

    drawn = draw_clips(clips, params.adversarial.trials, params.seed)
    folder = cache / _key(drawn, detector, params)
    if not is_packed(folder, _PART):
        log.info(
            "attack %d eval trials through the %s by %s",
            len(drawn),
            name,
            params.adversarial.attack,
        )
        attacked = _attack(drawn, detector, params)
        if attacked is None:
            return None
        pack_clips(attacked, folder, _PART)
    folder.touch()
    _remove_oldest(cache)
    return open_clips(folder, _PART)


def _key(drawn: Clips, detector: Path, params: EvaluationSetsParams) -> str:
    """What the attacked clips depend on, in 32 characters."""
    manifest = read_manifest(detector)
    attacked = [manifest.detector, dict(manifest.options), manifest.files[WEIGHTS]]
    attack = [asdict(manifest.window), asdict(params.adversarial), params.seed]
    document = [attacked, attack, version_of(drawn)]
    return hashlib.sha256(json.dumps(document).encode()).hexdigest()[:32]


def _attack(clips: Clips, folder: Path, params: EvaluationSetsParams) -> Clips | None:
    from models.adversarial.adversarial_set import attacked_clips, can_attack  # torch
    from models.packaging.checkpoint import load_detector

    detector = load_detector(folder)
    if not can_attack(detector, params.adversarial):
        return None
    window = read_manifest(folder).window
    return attacked_clips(detector, clips, window, params.adversarial, params.seed, device_here())


def _remove_oldest(cache: Path) -> None:
    newest = sorted(cache.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in newest[CACHED:]:
        shutil.rmtree(folder, ignore_errors=True)
