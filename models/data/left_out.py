"""Train clips in folds that leave attacks out, so that a fusion can be fitted on what is unknown.

Stacked generalisation (Wolpert 1992, doi 10.1016/S0893-6080(05)80023-1) fits a combination on
answers to held-out examples. Here whole attacks are held out, and whole sources of human speech:
scores of attacks that were learnt say little about those that come next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.clips import Clips
from models.data.folds.evenly import dealt_evenly
from models.errors import InputError
from models.trials import Trial

MOST = 5  # folds
NOWHERE = -1  # in no fold


@dataclass(frozen=True, eq=False)
class LeftOut:
    """One fold: what to learn from, what to stop by, and what to answer."""

    train: Clips
    dev: Clips
    judged: Clips  # of attacks and of human sources that are in neither class of train


def left_out(train: Clips, dev: Clips) -> list[LeftOut]:
    """Folds in which each human clip of train is judged once, and each spoof once or not at all.

    At most `MOST` folds, fewer with fewer attacks. Human clips are dealt by source, by speaker
    where there are too few sources, else one by one. What is judged is unknown in both ways: train
    has no spoof of a judged source, or the source alone would tell, and spoofs of a source that
    train has are not judged. A copy of a judged human clip is in no train. dev loses the judged
    attacks, unless no spoof would remain. Raises InputError where train has fewer than two attacks
    or human clips, and where no spoof can be judged.
    """
    attacks = {trial.attack_id for trial in train.trials if trial.attack_id is not None}
    humans = [trial for trial in train.trials if trial.attack_id is None]
    if len(attacks) < 2 or len(humans) < 2:
        raise InputError(
            "train: at least two attacks and two bona fide clips expected to leave some out, found "
            f"{len(attacks)} and {len(humans)}"
        )
    count = min(MOST, len(attacks), len(humans))
    column = _column(humans, count)
    origin_fold = dealt_evenly([_origin(trial, column) for trial in humans], count)
    # of each clip; NOWHERE: its origin is that of no human clip
    origins = np.array([origin_fold.get(_origin(trial, column), NOWHERE) for trial in train.trials])
    attack_fold = _matched(train, origins, count)
    places = np.array([attack_fold.get(attack or "", NOWHERE) for attack in train.attack_ids])
    folds = [_fold(train, dev, origins, places, fold) for fold in range(count)]
    if all(fold.judged.bonafide.all() for fold in folds):
        raise InputError(
            f"train: spoofs of an attack and of a {column} that can both be left out expected, "
            "found none"
        )
    return folds


def _fold(
    train: Clips, dev: Clips, origins: NDArray[np.int64], places: NDArray[np.int64], fold: int
) -> LeftOut:
    held_origin, held_attack = origins == fold, places == fold
    judged = (held_origin & train.bonafide) | (held_attack & (held_origin | (origins == NOWHERE)))
    humans = {train.utterance_ids[row] for row in np.flatnonzero(held_origin & train.bonafide)}
    copies = np.array([trial.parent in humans for trial in train.trials], dtype=np.bool_)
    attacks = {train.attack_ids[row] for row in np.flatnonzero(held_attack)}
    kept = np.array([attack not in attacks for attack in dev.attack_ids], dtype=np.bool_)
    if dev.bonafide[kept].all():
        kept[:] = True
    return LeftOut(
        train=train.take(np.flatnonzero(~(held_origin | held_attack | copies))),
        dev=dev.take(np.flatnonzero(kept)),
        judged=train.take(np.flatnonzero(judged)),
    )


def _column(humans: Sequence[Trial], count: int) -> str:
    """What human clips are dealt by: something of which there is enough for every fold."""
    for column in ("source", "speaker_id"):
        if len({_origin(trial, column) for trial in humans}) >= count:
            return column
    return "utterance_id"


def _origin(trial: Trial, column: str) -> str:
    return getattr(trial, column) or ""


def _matched(train: Clips, origins: NDArray[np.int64], count: int) -> dict[str, int]:
    """Attack -> fold: as many attacks in each, where most of their spoofs can be judged."""
    ids = np.array([attack or "" for attack in train.attack_ids], dtype=np.str_)
    room = [0] * count
    folds: dict[str, int] = {}
    for attack, _ in sorted(Counter(ids[ids != ""].tolist()).items(), key=lambda item: -item[1]):
        judged = np.bincount(origins[(ids == attack) & (origins >= 0)], minlength=count)
        free = [fold for fold in range(count) if room[fold] == min(room)]
        folds[attack] = max(free, key=judged.__getitem__)
        room[folds[attack]] += 1
    return folds
