"""Plans that leave out one thing: folds of speakers, of attacks, of sources, of languages.

A speaker and the copies of their recordings are one group, as for partitions. In no fold is a group
both in eval and in train or dev.

    k-fold     groups are dealt into K folds: one is eval, the next is dev, the others are train
    attacks    the corpus's partitions without some attacks, which are eval
    sources    the corpus's partitions without some sources, which are eval
    languages  likewise, without some languages

A synthetic voice is a speaker too: an attack with a single voice is in one fold only.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal

import numpy as np

from models.data.folds.fold import Fold, Groups, Mask, Rows, distinct_names, require_groups
from models.data.protocols.partitions import group_keys
from models.errors import InputError
from models.trials import Partition, Trial

Plan = Literal["k-fold", "attacks", "sources", "languages"]


def k_fold(
    trials: Sequence[Trial], count: int, seed: int, *, unseen_attacks: bool = False
) -> tuple[Fold, ...]:
    """Every trial is in eval once; its speaker and its parent are not in train or dev then.

    With `unseen_attacks` the attacks are dealt into as many parts: train and dev of a fold lack one
    part, and only its spoofs are in eval. Each fold has its share of bona fide speech and of every
    attack. The same seed gives the same folds. Raises InputError for too few groups or attacks.
    """
    if count < 3:
        raise InputError(
            f"k-fold: 3 folds or more expected (one to judge, one to stop by, others to learn "
            f"from), found {count}"
        )
    table = _Table(trials)
    home = _deal(table, count, seed)
    parts: Groups = _deal_attacks(table, count, seed) if unseen_attacks else [()] * count
    folds = []
    for number, attacks in enumerate(parts):
        held = np.isin(table.attacks, list(attacks))
        dev = (home == (number + 1) % count) & ~held
        train = (home != number) & (home != (number + 1) % count) & ~held
        judged = home == number
        if unseen_attacks:
            judged = (judged & table.bonafide) | table.strangers(held, train | dev)
        name = f"fold {number + 1}" + (f" ({'+'.join(attacks)})" if attacks else "")
        folds.append(table.fold(name, train, dev, judged))
    return tuple(folds)


def leave_attacks_out(trials: Sequence[Trial], groups: Groups | None = None) -> tuple[Fold, ...]:
    """One fold for each group of attacks, which train and dev lack.

    Its eval has the group's spoofs of every partition and the bona fide trials of eval, without
    speakers of train and dev. Without groups, each attack in train or dev is a group. Raises
    InputError for an unknown attack and where a fold lacks a class.
    """
    table = _Table(trials)
    train, dev, judged = table.partitions()
    groups = groups or [(attack,) for attack in distinct_names(table.attacks[train | dev])]
    require_groups(groups, distinct_names(table.attacks), "attack")
    folds = []
    for attacks in groups:
        held = np.isin(table.attacks, list(attacks))
        learnt = (train | dev) & ~held
        candidates = held | (judged & table.bonafide)
        folds.append(
            table.fold(
                "+".join(attacks), train & ~held, dev & ~held, table.strangers(candidates, learnt)
            )
        )
    return tuple(folds)


def leave_places_out(
    trials: Sequence[Trial], column: Literal["source", "language"], groups: Groups | None = None
) -> tuple[Fold, ...]:
    """One fold for each group of sources or languages, which train and dev lack.

    Train and dev lack both classes of it and all trials of its bona fide speakers. Eval has its
    bona fide trials of every partition and its spoofs, or the spoofs of eval where it has none,
    without voices of train and dev. Raises InputError for an unknown name and where a fold lacks a
    class.
    """
    table = _Table(trials)
    places = np.array([getattr(trial, column) or "" for trial in trials], dtype=np.str_)
    groups = groups or [(place,) for place in distinct_names(places[table.bonafide])]
    require_groups(groups, distinct_names(places), column)
    return tuple(_without(table, np.isin(places, list(group)), "+".join(group)) for group in groups)


def make_plan(
    plan: Plan,
    trials: Sequence[Trial],
    *,
    folds: int = 5,
    groups: Groups | None = None,
    seed: int = 2026,
    unseen_attacks: bool = False,
) -> tuple[Fold, ...]:
    """The folds of a plan; `groups` are for all but k-fold, the other options for k-fold."""
    if plan == "k-fold":
        if groups:
            raise InputError("groups: a plan of attacks, sources or languages expected, not k-fold")
        return k_fold(trials, folds, seed, unseen_attacks=unseen_attacks)
    if unseen_attacks:
        raise InputError(f"unseen attacks: the plan k-fold expected, found {plan}")
    if plan == "attacks":
        return leave_attacks_out(trials, groups)
    return leave_places_out(trials, "source" if plan == "sources" else "language", groups)


class _Table:
    """Trials as columns (trials,)."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        self.groups = np.unique(group_keys(trials), return_inverse=True)[1].astype(np.int64)
        self.attacks = np.array([trial.attack_id or "" for trial in trials], dtype=np.str_)
        self.bonafide: Mask = self.attacks == ""
        self._partitions = [trial.partition for trial in trials]

    def partitions(self) -> tuple[Mask, Mask, Mask]:
        """Which trials are in train, dev and eval; raises InputError where one has none."""
        masks = [np.array([p is wanted for p in self._partitions]) for wanted in Partition]
        for name, mask in zip(Partition, masks, strict=True):
            if not mask.any():
                raise InputError(f"folds: trials in every partition expected, {name} has none")
        return masks[0], masks[1], masks[2]

    def strangers(self, candidates: Mask, others: Mask) -> Mask:
        """Which of the candidates share no speaker and no recording with the others."""
        return candidates & ~np.isin(self.groups, self.groups[others])

    def fold(self, name: str, train: Mask, dev: Mask, judged: Mask) -> Fold:
        """Raises InputError where one of the three lacks a class."""
        for part, mask in (("train", train), ("dev", dev), ("eval", judged)):
            for label, of_class in (("bonafide", self.bonafide), ("spoof", ~self.bonafide)):
                if not (mask & of_class).any():
                    raise InputError(
                        f"{name}: no {label} trial is left for {part} whose speaker and recording "
                        "are on one side only; fewer folds, or other or larger groups expected"
                    )
        return Fold(name, np.flatnonzero(train), np.flatnonzero(dev), np.flatnonzero(judged))


def _without(table: _Table, held: Mask, name: str) -> Fold:
    train, dev, judged = table.partitions()
    speakers = table.groups[held & table.bonafide]
    rest = ~held & ~np.isin(table.groups, speakers)
    learnt = (train | dev) & rest
    spoofs = held if (held & ~table.bonafide).any() else judged
    strangers = table.strangers(spoofs & ~table.bonafide, learnt)
    return table.fold(name, train & rest, dev & rest, (held & table.bonafide) | strangers)


def _deal(table: _Table, count: int, seed: int) -> Rows:
    """The fold (trials,) of each trial, so that each has its share of every attack."""
    from sklearn.model_selection import StratifiedGroupKFold

    _require_groups(table, count)
    strata = table.attacks  # bona fide speech is one too
    home = np.empty(strata.size, dtype=np.int64)
    with warnings.catch_warnings():
        # an attack with fewer trials than there are folds is in some of them only
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        folds = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
        for number, (_, judged) in enumerate(folds.split(strata, strata, table.groups)):
            home[judged] = number
    return home


def _require_groups(table: _Table, count: int) -> None:
    for label, mask in (("bonafide", table.bonafide), ("spoof", ~table.bonafide)):
        groups = np.unique(table.groups[mask]).size
        if groups < count:
            raise InputError(
                f"k-fold: {count} folds expected, but {label} trials come from {groups} groups "
                "that share no speaker or recording"
            )


def _deal_attacks(table: _Table, count: int, seed: int) -> list[tuple[str, ...]]:
    attacks = distinct_names(table.attacks)
    if len(attacks) < count:
        raise InputError(
            f"k-fold: {count} folds with attacks of their own expected, found {len(attacks)} "
            "attacks"
        )
    order = np.random.default_rng(seed).permutation(len(attacks))
    return [tuple(sorted(attacks[at] for at in order[n::count])) for n in range(count)]
