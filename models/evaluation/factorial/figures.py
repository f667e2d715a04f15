"""The figures of one cell on every draw: pooled, of each source and attack, and their means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.evaluation.bootstrap.draws import Floats, Ints, TrialList
from models.evaluation.bootstrap.eers import ResampledEer
from models.evaluation.factorial.draws import FactorWeights

LEAST = 5  # trials of each class, for the EER of one source or attack in one fold

POOLED, BY_SOURCE, BY_ATTACK = "pooled", "mean over sources", "mean over attacks"


@dataclass(frozen=True, eq=False)
class CellFigures:
    """EERs (draws,) of a cell, each a mean over folds and seeds."""

    pooled: Floats
    sources: Mapping[str, Floats]
    attacks: Mapping[str, Floats]
    over_sources: Floats
    over_attacks: Floats

    @property
    def means(self) -> dict[str, Floats]:
        """The figures that stand for the whole cell."""
        return {POOLED: self.pooled, BY_SOURCE: self.over_sources, BY_ATTACK: self.over_attacks}


def cell_figures(
    cell: str, scores: Mapping[tuple[int, int], Floats], weights: FactorWeights
) -> CellFigures:
    """Figures of a cell from cm_scores (trials of the design,) of each fold and seed; NaN: none."""
    parts = [
        _Part(fold, np.array(cells.cells[cell], dtype=np.int64), weights)
        for fold, cells in enumerate(weights.design.folds)
    ]
    sources = _of_each(parts, scores, "sources", weights.design.source_names)
    attacks = _of_each(parts, scores, "attacks", weights.design.attack_names)
    return CellFigures(
        pooled=_mean([part.pooled(scores) for part in parts]),
        sources=sources,
        attacks=attacks,
        over_sources=_mean([(rate, weights.of_source(name)) for name, rate in sources.items()]),
        over_attacks=_mean([(rate, weights.of_attack(name)) for name, rate in attacks.items()]),
    )


Weighted = tuple[Floats, Floats]  # an EER (draws,) and its weight (draws,)


class _Part:
    """A cell of one fold."""

    def __init__(self, fold: int, rows: Ints, weights: FactorWeights) -> None:
        self.fold, self.rows, self._weights = fold, rows, weights
        design = weights.design
        self.attacks = np.array(design.attacks, dtype=np.str_)[rows]
        self.sources = np.array(design.sources, dtype=np.str_)[rows]

    def pooled(self, scores: Mapping[tuple[int, int], Floats]) -> Weighted:
        """Of all trials; it weighs as its sources and attacks were drawn."""
        return self._eer(scores, np.arange(self.rows.size))

    def of(
        self, column: str, name: str, scores: Mapping[tuple[int, int], Floats]
    ) -> Weighted | None:
        """Of a source's trials, or of an attack's spoofs and bona fide speech of its sources."""
        inside = getattr(self, column) == name
        if column == "attacks":
            inside |= (self.attacks == "") & np.isin(self.sources, self.sources[inside])
        spoofs = int((self.attacks[inside] != "").sum())
        if min(spoofs, int(inside.sum()) - spoofs) < LEAST:
            return None
        return self._eer(scores, np.flatnonzero(inside))

    def _eer(self, scores: Mapping[tuple[int, int], Floats], inside: Ints) -> Weighted:
        rows = self.rows[inside]
        human = self.attacks[inside] == ""
        known, clusters = np.unique(self._weights.units[rows], return_inverse=True)
        trials = TrialList(human, clusters.ravel().astype(np.int64))
        drawn = self._weights.by_unit[:, known]
        rates = []
        for seed in range(self._weights.seeds):
            values = scores[self.fold, seed][rows]
            statistic = ResampledEer(values, trials, np.flatnonzero(human), np.flatnonzero(~human))
            rates.append((statistic(drawn), self._weights.by_seed[:, seed]))
        return _mean(rates), self._drawn_share(inside)

    def _drawn_share(self, inside: Ints) -> Floats:
        sources = [self._weights.of_source(name) for name in set(self.sources[inside].tolist())]
        names = set(self.attacks[inside].tolist()) - {""}
        attacks = [self._weights.of_attack(name) for name in names]
        share = np.mean(sources, axis=0) * np.mean(attacks, axis=0)
        return np.asarray(share, dtype=np.float64)


def _of_each(
    parts: Sequence[_Part],
    scores: Mapping[tuple[int, int], Floats],
    column: str,
    names: Sequence[str],
) -> dict[str, Floats]:
    rates = {name: [part.of(column, name, scores) for part in parts] for name in names}
    enough = {name: [rate for rate in some if rate] for name, some in rates.items()}
    return {name: _mean(some) for name, some in enough.items() if some}


def _mean(values: Sequence[Weighted]) -> Floats:
    """The weighted mean (draws,) of what is defined in each draw; NaN where nothing is."""
    if not values:
        return np.full(1, np.nan)
    rates, weights = np.stack([v for v, _ in values]), np.stack([w for _, w in values])
    weights = np.where(np.isnan(rates), 0.0, weights)
    total = weights.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((np.nan_to_num(rates) * weights).sum(axis=0) / total, dtype=np.float64)
