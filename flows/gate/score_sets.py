"""The evaluation sets, from packed clips to the scores of both detectors."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flows.candidate.devices import device_here
from flows.candidate.exported_scores import score_exported
from flows.gate.leak_guard import is_packed
from models.data.clips import Clips, open_clips, pack_clips
from models.errors import InputError
from models.files.manifest import WEIGHTS, read_manifest
from models.promotion import EvaluationSet, Pair
from models.promotion.evaluation_sets import (
    ADVERSARIAL,
    CHANNELS,
    EVAL,
    SENTINEL,
    TrialSet,
    clip_hashes,
    hard_bonafide,
    missing_effects,
    split_eval,
    through_channels,
    version_of,
)

if TYPE_CHECKING:
    from models.evaluation.scores import Scores
    from models.packaging.runtime import ExportedDetector
    from models.params.tree import Params
    from models.promotion.evaluation_sets import Rows

KEPT = 5  # attacked sets of earlier champions and params

log = logging.getLogger("antiphon.cycle")


@dataclass
class Judges:
    """The clips that judge, and which of them each set holds."""

    parts: dict[str, Clips]
    sets: dict[EvaluationSet, TrialSet]
    absent: dict[str, str] = field(default_factory=dict)  # a set, or a part of it -> why


def judged_parts(prepared: Path) -> list[str]:
    """The packed parts that judge."""
    return [name for name in (EVAL, SENTINEL) if is_packed(prepared, name)]


def open_judges(
    prepared: Path, champion: Path | None, params: Params, kept: Path, left_out: Collection[str]
) -> Judges:
    """The sets that params ask for, without the trials `left_out`; what is empty is absent.

    Attacked clips are made through the champion once and kept under `kept`.
    """
    parts = {
        name: _without(open_clips(prepared, name), left_out) for name in judged_parts(prepared)
    }
    asked, clips = params.evaluation_sets, parts[EVAL]
    if not len(clips):
        raise InputError("eval: trials that no detector has learnt from expected, found none")
    frozen, rolling = split_eval(clips, asked.rolling_trials)
    judges = Judges(parts, {})
    _put(judges, EvaluationSet.FROZEN, {EVAL: frozen}, "every eval trial is a field sample")
    _put(judges, EvaluationSet.ROLLING, {EVAL: rolling}, "no field sample is in eval")
    _put(judges, EvaluationSet.SENTINEL, _whole(parts, SENTINEL), "params name no sentinel corpus")
    _tell_of_forgotten_attacks(judges, np.concatenate([frozen, rolling]))
    settled = frozen if frozen.size else rolling
    _attack(judges, clips.take(settled), champion, params, kept)
    _harden(judges, np.concatenate([frozen, rolling]), settled, params)
    for name, why in judges.absent.items():
        log.info("%s is absent: %s", name, why)
    return judges


def score_parts(
    who: str, exported: ExportedDetector, judges: Judges, known: Scores | None = None
) -> dict[str, Scores]:
    """What a detector says of each part; `known` are its scores of eval, if they were made now."""
    scored = {}
    for part, clips in judges.parts.items():
        if part == EVAL and known is not None:
            place = {name: row for row, name in enumerate(known.utterance_ids)}
            scored[part] = known.take(np.array([place[name] for name in clips.utterance_ids]))
        else:
            scored[part] = score_exported(exported, clips, progress=f"{part}: the {who}")
    return scored


def pair_up(
    judges: Judges, candidate: Mapping[str, Scores], champion: Mapping[str, Scores] | None
) -> dict[EvaluationSet, Pair]:
    """Both detectors on every set that is there."""
    hashes = {part: clip_hashes(clips) for part, clips in judges.parts.items()}
    return {
        name: Pair(
            each.scores(candidate),
            each.scores(champion) if champion is not None else None,
            each.slices,
            each.version(hashes),
        )
        for name, each in judges.sets.items()
    }


def _tell_of_forgotten_attacks(judges: Judges, rows: Rows) -> None:
    attacks = judges.parts[EVAL].attack_ids
    for attack in sorted(set(filter(None, attacks)) - {attacks[row] for row in rows}):
        judges.absent[f"attack {attack}"] = (
            "its field samples are older than the newest evaluation_sets.rolling_trials"
        )


def _without(clips: Clips, left_out: Collection[str]) -> Clips:
    if not left_out:
        return clips
    return clips.take(row for row, name in enumerate(clips.utterance_ids) if name not in left_out)


def _whole(parts: Mapping[str, Clips], part: str) -> dict[str, Rows]:
    return {part: np.arange(len(parts[part]), dtype=np.int64)} if part in parts else {}


def _put(judges: Judges, name: EvaluationSet, rows: Mapping[str, Rows], why_not: str) -> None:
    wanted = TrialSet(name, rows)
    if len(wanted):
        judges.sets[name] = wanted
    else:
        judges.absent[name] = why_not


def _harden(judges: Judges, plain: Rows, settled: Rows, params: Params) -> None:
    """Bona fide speech: all of it in slices, some of what does not change through channels."""
    hard, clips = params.evaluation_sets.bonafide_hard, judges.parts[EVAL]
    name = EvaluationSet.BONAFIDE_HARD
    if hard.trials == 0:
        judges.absent[name] = "evaluation_sets.bonafide_hard.trials is 0"
        return
    for effect, reason in missing_effects(hard).items():
        judges.absent[f"{name} through {effect}"] = reason
    own = settled[clips.bonafide[settled]]
    channels = through_channels(clips, own, hard, params.evaluation_sets.seed)
    wanted = hard_bonafide(clips, plain, channels, hard.slices)
    if not len(wanted):
        judges.absent[name] = "eval has no bona fide trial"
        return
    judges.sets[name] = wanted
    if CHANNELS in wanted.rows:
        judges.parts[CHANNELS] = channels


def _attack(
    judges: Judges, clips: Clips, champion: Path | None, params: Params, kept: Path
) -> None:
    asked, name = params.evaluation_sets.adversarial, EvaluationSet.ADVERSARIAL
    if asked.trials == 0 or champion is None:
        why = "evaluation_sets.adversarial.trials is 0" if champion else "there is no champion"
        judges.absent[name] = why
        return
    if clips.bonafide.all() or not clips.bonafide.any():
        judges.absent[name] = "eval lacks one of the classes"
        return
    attacked = _attacked(clips, champion, params, kept)
    if attacked is None:
        judges.absent[name] = (
            f"no gradient of the champion's detector reaches the waveform, {asked.attack} needs one"
        )
        return
    judges.parts[ADVERSARIAL] = attacked
    judges.sets[name] = TrialSet(name, _whole(judges.parts, ADVERSARIAL))


def _attacked(clips: Clips, champion: Path, params: Params, kept: Path) -> Clips | None:
    """Clips attacked through the champion, found again where they were made before."""
    from models.adversarial.robustness import draw_clips

    asked, seed = params.evaluation_sets.adversarial, params.evaluation_sets.seed
    drawn = draw_clips(clips, asked.trials, seed)
    manifest = read_manifest(champion)
    made_of = [manifest.files[WEIGHTS], asdict(manifest.window), asdict(asked), seed]
    key = hashlib.sha256(json.dumps([*made_of, version_of(drawn)]).encode()).hexdigest()[:32]
    if not is_packed(kept / key, ADVERSARIAL):
        made = _make(champion, drawn, params)
        if made is None:
            return None
        pack_clips(made, kept / key, ADVERSARIAL)
    (kept / key).touch()
    _forget_old(kept)
    return open_clips(kept / key, ADVERSARIAL)


def _make(champion: Path, clips: Clips, params: Params) -> Clips | None:
    from models.adversarial.adversarial_set import attacked_clips, can_attack
    from models.packaging.checkpoint import load_detector

    asked, seed = params.evaluation_sets.adversarial, params.evaluation_sets.seed
    detector = load_detector(champion)
    if not can_attack(detector, asked):
        return None
    log.info("attack %d eval trials through the champion by %s", len(clips), asked.attack)
    window = read_manifest(champion).window
    return attacked_clips(detector, clips, window, asked, seed, device_here())


def _forget_old(kept: Path) -> None:
    newest = sorted(kept.iterdir(), key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in newest[KEPT:]:
        shutil.rmtree(folder, ignore_errors=True)
