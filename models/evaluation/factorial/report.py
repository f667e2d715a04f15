"""The report of a factorial plan: four cells, one or several recipes, their differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from models.data.folds import EvaluationCell
from models.evaluation.bootstrap.draws import Floats
from models.evaluation.factorial.design import Design
from models.evaluation.factorial.draws import FactorWeights
from models.evaluation.factorial.figures import CellFigures, cell_figures
from models.evaluation.fold_report import CONFIDENCE, margin

RESAMPLES = 1_000
RANDOM_SEED = 2026


@dataclass(frozen=True, eq=False)
class RecipeScores:
    """The cm_scores (trials of the design,) of a recipe, by fold and seed; NaN where not judged."""

    name: str
    scores: Mapping[tuple[int, int], Floats]
    seconds: float | None = None  # of the processor, of a training


@dataclass(frozen=True)
class RateEstimate:
    """An EER, or a difference of EERs, and its percentile interval at 95 %."""

    value: float  # 0–1
    low: float | None
    high: float | None
    over_seeds: float | None  # half of Student's t interval of the seeds' values


@dataclass(frozen=True)
class CellReport:
    """A recipe in a cell."""

    figures: Mapping[str, RateEstimate]  # pooled, mean over sources, mean over attacks
    by_source: Mapping[str, float]  # there is one of each: no interval can be drawn from it
    by_attack: Mapping[str, float]


@dataclass(frozen=True)
class CellDifference:
    """A recipe minus the first one, on the same trials, folds and seeds."""

    figures: Mapping[str, RateEstimate]


@dataclass(frozen=True)
class CellSize:
    """The trials of a cell in each fold, (bona fide, spoofs)."""

    trials: Sequence[tuple[int, int]]
    familiar: Sequence[tuple[int, int]]  # of these, with a speaker or a voice that is in train
    sources: Sequence[int]
    attacks: Sequence[int]


@dataclass(frozen=True)
class FactorialReport:
    """Every figure of a plan; EERs are in 0–1."""

    design: Design
    seeds: int
    sizes: Mapping[str, CellSize]
    recipes: Mapping[str, Mapping[str, CellReport]]  # recipe -> cell -> figures
    differences: Mapping[str, Mapping[str, CellDifference]]  # to the first recipe
    seconds: Mapping[str, float | None]

    def to_json(self) -> dict[str, Any]:
        """One object, without the list of trials."""
        document = asdict(self)
        folds = [
            {key: fold[key] for key in ("name", "attacks", "sources", "train", "dev")}
            for fold in document.pop("design")["folds"]
        ]
        interval = f"{CONFIDENCE:.0%}, places, speakers, attacks, voices and seeds drawn again"
        return {"folds": folds, "interval": interval, **document}


def build_factorial_report(
    design: Design, recipes: Sequence[RecipeScores], seeds: int, resamples: int = RESAMPLES
) -> FactorialReport:
    """The report of at least one recipe, each with scores of every fold and seed."""
    weights = FactorWeights(design, seeds, resamples, RANDOM_SEED)
    figures = {
        recipe.name: {str(cell): cell_figures(cell, recipe.scores, weights)
                      for cell in EvaluationCell}
        for recipe in recipes
    }  # fmt: skip
    first = recipes[0].name
    return FactorialReport(
        design=design,
        seeds=seeds,
        sizes={str(cell): _size(design, cell) for cell in EvaluationCell},
        recipes={
            name: {cell: _cell_report(part, seeds) for cell, part in cells.items()}
            for name, cells in figures.items()
        },
        differences={
            name: {cell: _difference(part, figures[first][cell], seeds)
                   for cell, part in cells.items()}
            for name, cells in figures.items()
            if name != first
        },
        seconds={recipe.name: recipe.seconds for recipe in recipes},
    )  # fmt: skip


def _cell_report(figures: CellFigures, seeds: int) -> CellReport:
    return CellReport(
        {name: _estimate(draws, seeds) for name, draws in figures.means.items()},
        {name: float(draws[0]) for name, draws in figures.sources.items()},
        {name: float(draws[0]) for name, draws in figures.attacks.items()},
    )


def _difference(figures: CellFigures, others: CellFigures, seeds: int) -> CellDifference:
    return CellDifference(
        {
            name: _estimate(draws - others.means[name], seeds)
            for name, draws in figures.means.items()
        }
    )


def _estimate(draws: Floats, seeds: int) -> RateEstimate:
    """From a figure's draws: as it is, each seed alone, then the resamples."""
    resampled = draws[1 + seeds :]
    resampled = resampled[~np.isnan(resampled)]
    low, high = (
        np.quantile(resampled, [0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2]).tolist()
        if resampled.size
        else (None, None)
    )
    return RateEstimate(float(draws[0]), low, high, margin(draws[1 : 1 + seeds].tolist()))


def _size(design: Design, cell: str) -> CellSize:
    human = np.array([not attack for attack in design.attacks])
    sizes: list[tuple[int, int]] = []
    familiar: list[tuple[int, int]] = []
    sources: list[int] = []
    attacks: list[int] = []
    for fold in design.folds:
        rows = np.array(fold.cells[cell], dtype=np.int64)
        sizes.append((int(human[rows].sum()), int((~human[rows]).sum())))
        known = np.intersect1d(rows, np.array(fold.familiar, dtype=np.int64))
        familiar.append((int(human[known].sum()), int((~human[known]).sum())))
        sources.append(len({design.sources[row] for row in rows}))
        attacks.append(len({design.attacks[row] for row in rows} - {""}))
    return CellSize(sizes, familiar, sources, attacks)
