"""Eval clips attacked through the champion, made once for each champion and kept on disk."""

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
from models.promotion.evaluation_sets import ADVERSARIAL, version_of

CACHED = 5  # attacked sets of earlier champions and params

log = logging.getLogger("antiphon.cycle")


def attack_clips(
    clips: Clips, champion: Path, params: EvaluationSetsParams, cache: Path
) -> Clips | None:
    """Some of the clips, attacked; from `cache` where the same were made before.

    None where the attack needs a gradient and none of the champion's reaches the waveform.
    """
    from models.adversarial.robustness import draw_clips  # torch

    drawn = draw_clips(clips, params.adversarial.trials, params.seed)
    folder = cache / _key(drawn, champion, params)
    if not is_packed(folder, ADVERSARIAL):
        attacked = _attack(drawn, champion, params)
        if attacked is None:
            return None
        pack_clips(attacked, folder, ADVERSARIAL)
    folder.touch()
    _remove_oldest(cache)
    return open_clips(folder, ADVERSARIAL)


def _key(drawn: Clips, champion: Path, params: EvaluationSetsParams) -> str:
    """What the attacked clips depend on, in 32 characters."""
    manifest = read_manifest(champion)
    weights, window = manifest.files[WEIGHTS], asdict(manifest.window)
    document = [weights, window, asdict(params.adversarial), params.seed, version_of(drawn)]
    return hashlib.sha256(json.dumps(document).encode()).hexdigest()[:32]


def _attack(clips: Clips, champion: Path, params: EvaluationSetsParams) -> Clips | None:
    from models.adversarial.adversarial_set import attacked_clips, can_attack  # torch
    from models.packaging.checkpoint import load_detector

    detector = load_detector(champion)
    if not can_attack(detector, params.adversarial):
        return None
    log.info(
        "attack %d eval trials through the champion by %s", len(clips), params.adversarial.attack
    )
    window = read_manifest(champion).window
    return attacked_clips(detector, clips, window, params.adversarial, params.seed, device_here())


def _remove_oldest(cache: Path) -> None:
    newest = sorted(cache.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in newest[CACHED:]:
        shutil.rmtree(folder, ignore_errors=True)
