"""The trials of one or two evaluation sets that a bootstrap draws from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.errors import InputError
from models.evaluation.bootstrap import TrialList
from models.evaluation.bootstrap.draws import Floats, Ints
from models.evaluation.scores import Scores
from models.promotion.alignment import Aligned
from models.promotion.evidence import EvaluationSet
from models.trials import Label


@dataclass(frozen=True, eq=False)
class Sample:
    """Both detectors' scores (trials,), and which trials come from which set."""

    sets: tuple[EvaluationSet, ...]
    trials: TrialList  # parts: place in `sets`
    champion: Floats
    candidate: Floats
    attack_rows: dict[str, Ints]

    @cached_property
    def bonafide(self) -> Ints:
        """Rows of bona fide trials."""
        return np.flatnonzero(self.trials.is_bonafide)

    @cached_property
    def spoofs(self) -> Ints:
        """Rows of spoofs."""
        return np.flatnonzero(~self.trials.is_bonafide)

    def rows_of(self, name: EvaluationSet) -> Ints:
        """Rows of the trials of one set."""
        assert self.trials.parts is not None
        return np.flatnonzero(self.trials.parts == self.sets.index(name))

    def clusters_in(self, rows: Ints) -> int:
        """How many speakers or sources the trials of some rows come from."""
        return int(np.unique(self.trials.clusters[rows]).size)

    def loosened(self, rows: Ints) -> TrialList:
        """The trials with every one of some rows drawn by itself."""
        clusters = self.trials.clusters.copy()
        clusters[rows] = self.trials.count + np.arange(rows.size)
        codes = np.unique(clusters, return_inverse=True)[1]
        return TrialList(self.trials.is_bonafide, codes.astype(np.int64), self.trials.parts)


def sample_of(lists: dict[EvaluationSet, Aligned]) -> Sample:
    """One sample of all the lists; raises InputError where they share an utterance."""
    candidates = [aligned.candidate for aligned in lists.values()]
    _require_apart(tuple(lists), candidates)
    attacks = [attack for scores in candidates for attack in scores.attack_ids]
    names = np.array([cluster for aligned in lists.values() for cluster in aligned.clusters])
    utterances = np.array([name for scores in candidates for name in scores.utterance_ids])
    is_bonafide = np.concatenate([scores.is_bonafide for scores in candidates])
    parts = np.repeat(np.arange(len(lists)), [scores.cm_scores.size for scores in candidates])
    for mask in (is_bonafide, ~is_bonafide):
        if np.unique(names[mask]).size == 1:  # drawing the one again and again would show no chance
            names = np.where(mask, utterances, names)
    clusters = np.unique(names, return_inverse=True)[1].astype(np.int64)
    rows: dict[str, list[int]] = {}
    for row, attack in enumerate(attacks):
        if attack is not None:
            rows.setdefault(attack, []).append(row)
    return Sample(
        tuple(lists),
        TrialList(is_bonafide, clusters, parts),
        np.concatenate([aligned.champion.cm_scores for aligned in lists.values()]),
        np.concatenate([scores.cm_scores for scores in candidates]),
        {attack: np.array(rows[attack], dtype=np.int64) for attack in sorted(rows)},
    )


def few_clusters(lists: Sequence[Aligned], minimum: int) -> tuple[str, ...]:
    """Warnings about the classes that come from too few speakers or sources, over all lists."""
    names = np.array([cluster for aligned in lists for cluster in aligned.clusters])
    is_bonafide = np.concatenate([aligned.candidate.is_bonafide for aligned in lists])
    clusters = {
        Label.BONAFIDE: np.unique(names[is_bonafide]).size,
        Label.SPOOF: np.unique(names[~is_bonafide]).size,
    }
    return tuple(
        f"{label} trials come from {count} speakers or sources only: the interval is narrower "
        "than it ought to be"
        for label, count in clusters.items()
        if count < minimum
    )


def _require_apart(names: Sequence[EvaluationSet], lists: Sequence[Scores]) -> None:
    earlier: set[str] = set()
    for scores in lists:
        if both := earlier.intersection(scores.utterance_ids):
            raise InputError(
                f"{' and '.join(names)}: sets without a trial in common expected, "
                f"{min(both)} is in both"
            )
        earlier.update(scores.utterance_ids)
