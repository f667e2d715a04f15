"""Attacks in the order in which the world first met them, and what can be learnt of each.

A corpus may say in a column `release` (whole numbers) when each attack came up. Before an attack of
release r, a detector has learnt train speech and the attacks of earlier releases. Labels of the new
attack come from train and dev; it is judged on its spoofs in eval, of other voices, texts and
sources than the labelled ones, as far as the corpus has such.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.trials import Partition, Trial

Rows = NDArray[np.int64]
LEAST = 10  # labels that an attack must have, and spoofs that it is judged on

_APART: dict[str, Callable[[Trial], str | None]] = {  # given up from the last, where too few remain
    "voices": lambda trial: trial.speaker_id,
    "sources": lambda trial: trial.source,
    "texts": lambda trial: trial.extra.get("text") or None,
}


@dataclass(frozen=True, eq=False)
class NewAttack:
    """Rows of the trials that one attack's curve is made of."""

    attack: str
    release: int
    known: tuple[str, ...]  # the attacks of earlier releases
    train: Rows  # bona fide speech and known attacks
    dev: Rows
    labelled: Rows  # spoofs of the attack that a person may label
    judged: Rows  # spoofs of the attack
    bonafide: Rows  # speech of eval from the sources of those spoofs
    others: Rows  # all speech, and the known attacks, of eval
    apart: tuple[str, ...]  # what labelled and judged spoofs do not share


def new_attacks(trials: Sequence[Trial]) -> tuple[NewAttack, ...]:
    """Every attack that is not of the first release, in order; raises InputError without releases.

    Attacks with fewer than LEAST spoofs to label, or to judge, are left out.
    """
    releases = _releases(trials)
    attacks = [
        _new_attack(trials, releases, attack)
        for attack in sorted(releases, key=lambda name: (releases[name], name))
        if releases[attack] > min(releases.values())
    ]
    whole = tuple(attack for attack in attacks if attack is not None)
    if not whole:
        raise InputError(
            f"releases: an attack of a later release with {LEAST} spoofs in train or dev, and "
            f"{LEAST} in eval, expected, found none"
        )
    return whole


def _releases(trials: Sequence[Trial]) -> dict[str, int]:
    """The release of each attack: the first that a trial of it names."""
    releases: dict[str, int] = {}
    for trial in trials:
        if trial.attack_id is None:
            continue
        text = trial.extra.get("release", "")
        if not text.isdigit():
            raise InputError(
                f"{trial.utterance_id}: a whole number in the column release expected, found "
                f"{text!r}"
            )
        releases[trial.attack_id] = min(int(text), releases.get(trial.attack_id, int(text)))
    if len(set(releases.values())) < 2:
        raise InputError("release: attacks of two releases expected, found one at most")
    return releases


def _new_attack(trials: Sequence[Trial], releases: dict[str, int], attack: str) -> NewAttack | None:
    known = tuple(sorted(name for name in releases if releases[name] < releases[attack]))

    def rows(partition: Partition, *attacks: str | None) -> Rows:
        return _rows(
            row
            for row, trial in enumerate(trials)
            if trial.partition is partition and trial.attack_id in attacks
        )

    judged = rows(Partition.EVAL, attack)
    labels = np.concatenate([rows(Partition.TRAIN, attack), rows(Partition.DEV, attack)])
    labelled, apart = _strangers(trials, labels, judged)
    if min(labelled.size, judged.size) < LEAST:
        return None
    sources = {trials[row].source for row in judged}
    speech = rows(Partition.EVAL, None)
    same = _rows(row for row in speech.tolist() if trials[row].source in sources)
    return NewAttack(
        attack=attack,
        release=releases[attack],
        known=known,
        train=rows(Partition.TRAIN, None, *known),
        dev=rows(Partition.DEV, None, *known),
        labelled=labelled,
        judged=judged,
        bonafide=same if same.size >= LEAST else speech,
        others=rows(Partition.EVAL, None, *known),
        apart=apart,
    )


def _strangers(trials: Sequence[Trial], labels: Rows, judged: Rows) -> tuple[Rows, tuple[str, ...]]:
    """The labels that share nothing of _APART with what is judged, and what they do not share."""
    kept = labels
    apart: list[str] = []
    for name, value in reversed(_APART.items()):
        values = {value(trials[row]) for row in judged} - {None}
        others = _rows(row for row in kept.tolist() if value(trials[row]) not in values)
        if others.size >= LEAST:
            kept, apart = others, [name, *apart]
    return kept, tuple(apart)


def _rows(rows: object) -> Rows:
    return np.fromiter(rows, dtype=np.int64)  # type: ignore[call-overload, no-any-return]
