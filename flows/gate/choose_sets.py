"""Which packed trials judge: the evaluation sets that params ask for."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from flows.gate.attack_clips import attack_clips
from models.data.clips import Clips
from models.errors import InputError
from models.params.evaluation_sets import EvaluationSetsParams
from models.promotion import EvaluationSet
from models.promotion.evaluation_sets import (
    EVAL,
    JudgingSets,
    adversarial_sets,
    bonafide_hard_set,
    join_sets,
    sets_of_eval,
    split_eval,
)

_ATTACKED = (EvaluationSet.ADVERSARIAL, EvaluationSet.TRANSFER)

log = logging.getLogger("antiphon.cycle")


def choose_sets(
    packed: Mapping[str, Clips],
    left_out: Collection[str],
    detectors: Mapping[str, Path],
    params: EvaluationSetsParams,
    cache: Path,
) -> JudgingSets:
    """The sets of the packed parts, without the trials `left_out`; what is empty is absent.

    Attacked clips are made through each detector folder, once, and kept under `cache`.
    """
    parts = {name: _without(clips, left_out) for name, clips in packed.items()}
    clips = parts[EVAL]
    if not len(clips):
        raise InputError("eval: trials that no detector was trained on expected, found none")
    frozen, rolling = split_eval(clips, params.rolling_trials)
    settled = frozen if frozen.size else rolling  # what does not change, where there is any
    sets = join_sets(
        JudgingSets(parts),
        sets_of_eval(parts, frozen, rolling),
        _attacked(clips.take(settled), detectors, params, cache),
        bonafide_hard_set(clips, np.concatenate([frozen, rolling]), settled, params),
    )
    for name, reason in sets.absent.items():
        log.info("%s is absent: %s", name, reason)
    return sets


def _without(clips: Clips, left_out: Collection[str]) -> Clips:
    if not left_out:
        return clips
    return clips.take(row for row, name in enumerate(clips.utterance_ids) if name not in left_out)


def _attacked(
    clips: Clips, detectors: Mapping[str, Path], params: EvaluationSetsParams, cache: Path
) -> JudgingSets:
    """Clips attacked through each detector."""
    if "champion" not in detectors:
        return _no_attacks("there is no champion")
    if params.adversarial.trials == 0:
        return _no_attacks("evaluation_sets.adversarial.trials is 0")
    if clips.bonafide.all() or not clips.bonafide.any():
        return _no_attacks("eval lacks one of the classes")
    attacked = {}
    for name in ("champion", "candidate"):
        parts = attack_clips(clips, name, detectors[name], params, cache)
        if parts is None:
            reason = f"no gradient of the {name}'s detector reaches the waveform"
            return _no_attacks(f"{reason}, {params.adversarial.attack} needs one")
        attacked[name] = parts
    return adversarial_sets(attacked)


def _no_attacks(reason: str) -> JudgingSets:
    return JudgingSets(absent=dict.fromkeys(_ATTACKED, reason))
