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
from models.errors import InputError
from models.trials import Trial

MOST = 5  # folds

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LeftOut:
    """One fold: what to learn from, what to stop by, and what to answer."""

    train: Clips
    dev: Clips
    judged: Clips  # of attacks that are in neither, and of people of other sources


def left_out(train: Clips, dev: Clips) -> list[LeftOut]:
    """Folds in which each train clip is judged once; at most `MOST`, fewer with fewer attacks.

    Human clips are dealt by source, by speaker where there are too few sources, else one by one. A
    copy of a judged human clip is in no train. dev loses the judged attacks, unless no spoof would
    remain. Raises InputError where train has fewer than two attacks or human clips.
    """
    attacks = [trial.attack_id for trial in train.trials if trial.attack_id is not None]
    humans = [trial for trial in train.trials if trial.attack_id is None]
    if len(set(attacks)) < 2 or len(humans) < 2:
        raise InputError(
            "train: at least two attacks and two bona fide clips expected to leave some out, found "
            f"{len(set(attacks))} and {len(humans)}"
        )
    count = min(MOST, len(set(attacks)), len(humans))
    column = _column(humans, count)
    attack_fold = _dealt(attacks, count)
    human_fold = _dealt([_origin(trial, column) for trial in humans], count)
    places = np.array(
        [
            human_fold[_origin(trial, column)]
            if trial.attack_id is None
            else attack_fold[trial.attack_id]
            for trial in train.trials
        ]
    )
    return [_fold(train, dev, places, fold) for fold in range(count)]


def _fold(train: Clips, dev: Clips, places: NDArray[np.int64], fold: int) -> LeftOut:
    judged = places == fold
    humans = {train.utterance_ids[row] for row in np.flatnonzero(judged & train.bonafide)}
    copies = np.array([trial.parent in humans for trial in train.trials], dtype=np.bool_)
    attacks = {train.attack_ids[row] for row in np.flatnonzero(judged)} - {None}
    kept = np.array([attack not in attacks for attack in dev.attack_ids], dtype=np.bool_)
    if dev.bonafide[kept].all():
        kept[:] = True
    return LeftOut(
        train=train.take(np.flatnonzero(~judged & ~copies)),
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


def _dealt(names: Sequence[str], count: int) -> dict[str, int]:
    """Name -> fold: the largest first, each into the fold that has the fewest clips."""
    sizes = [0] * count
    folds = {}
    for name, size in sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])):
        folds[name] = int(np.argmin(sizes))
        sizes[folds[name]] += size
    return folds
