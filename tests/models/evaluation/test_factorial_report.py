"""Figures of four cells, their intervals and paired differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from models.data.folds import EvaluationCell
from models.evaluation.bootstrap.multiway import Factor
from models.evaluation.factorial import (
    Design,
    FactorialReport,
    FoldCells,
    RecipeScores,
    build_factorial_report,
)
from models.evaluation.fold_report import margin
from models.evaluation.metrics.eer import eer

CELL = str(EvaluationCell.BOTH_NEW)
SEEDS = 2


def draw_design() -> Design:
    """Two folds of two sources and two attacks each; every cell of a fold has the same trials."""
    columns: dict[str, list[object]] = {
        name: [] for name in ("ids", "attacks", "sources", "persons", "of_place")
    }
    folds = []
    for fold in range(2):
        first = len(columns["ids"])
        for source in range(2 * fold, 2 * fold + 2):
            for attack in ("", f"attack{2 * fold}", f"attack{2 * fold + 1}"):
                for number in range(20):
                    columns["ids"].append(f"{source}-{attack}-{number}")
                    columns["attacks"].append(attack)
                    columns["sources"].append(f"source{source}")
                    columns["persons"].append(attack or f"person{source}-{number % 4}")
                    columns["of_place"].append(not attack)
        rows = list(range(first, len(columns["ids"])))
        folds.append(
            FoldCells(
                name=f"fold {fold + 1}",
                attacks=(f"attack{2 * fold}", f"attack{2 * fold + 1}"),
                sources=(f"source{2 * fold}", f"source{2 * fold + 1}"),
                train=(10, 10),
                dev=(10, 10),
                cells={str(cell): rows for cell in EvaluationCell},
                familiar=rows[:5],
            )
        )
    ids, attacks, sources, persons, of_place = (columns[name] for name in columns)
    return Design(ids, attacks, sources, sources, persons, of_place, folds)  # type: ignore[arg-type]


DESIGN = draw_design()
HUMAN = np.array([not attack for attack in DESIGN.attacks])


def draw_recipe(name: str, shift: float, seed: int = 1) -> RecipeScores:
    random = np.random.default_rng(seed)
    scores = {
        (fold, number): random.standard_normal(HUMAN.size) + shift * HUMAN
        for fold in range(2)
        for number in range(SEEDS)
    }
    return RecipeScores(name, scores, 60.0)


def report_of(*recipes: RecipeScores, design: Design = DESIGN) -> FactorialReport:
    return build_factorial_report(design, recipes, SEEDS, resamples=200)


GOOD, POOR = draw_recipe("good", 2.5), draw_recipe("poor", 1.0, seed=2)
REPORT = report_of(POOR, GOOD)


def rates_by_hand(recipe: RecipeScores, inside: Mapping[int, np.ndarray]) -> list[float]:
    return [
        float(np.mean([
            eer(recipe.scores[fold, seed][rows & HUMAN], recipe.scores[fold, seed][rows & ~HUMAN])
            for seed in range(SEEDS)
        ]))
        for fold, rows in inside.items()
    ]  # fmt: skip


def test_the_pooled_figure_is_the_mean_of_the_eers_of_folds_and_seeds() -> None:
    sources = np.array(DESIGN.sources)
    inside = {fold: np.isin(sources, DESIGN.folds[fold].sources) for fold in range(2)}
    figures = REPORT.recipes["poor"][CELL].figures
    assert figures["pooled"].value == pytest.approx(np.mean(rates_by_hand(POOR, inside)))


def test_each_source_and_each_attack_counts_alike_in_its_mean() -> None:
    sources, attacks = np.array(DESIGN.sources), np.array(DESIGN.attacks)
    cell = REPORT.recipes["poor"][CELL]
    for number in range(4):
        (by_hand,) = rates_by_hand(POOR, {number // 2: sources == f"source{number}"})
        assert cell.by_source[f"source{number}"] == pytest.approx(by_hand)
        fold = np.isin(sources, DESIGN.folds[number // 2].sources)
        spoofs = attacks == f"attack{number}"
        (by_hand,) = rates_by_hand(POOR, {number // 2: fold & (HUMAN | spoofs)})
        assert cell.by_attack[f"attack{number}"] == pytest.approx(by_hand)
    for column, name in ((cell.by_source, "sources"), (cell.by_attack, "attacks")):
        mean = np.mean(list(column.values()))
        assert cell.figures[f"mean over {name}"].value == pytest.approx(mean)


def test_seeds_have_an_interval_of_their_own() -> None:
    sources = np.array(DESIGN.sources)
    inside = {fold: np.isin(sources, DESIGN.folds[fold].sources) for fold in range(2)}
    by_seed = [
        np.mean([
            eer(POOR.scores[fold, seed][rows & HUMAN], POOR.scores[fold, seed][rows & ~HUMAN])
            for fold, rows in inside.items()
        ])
        for seed in range(SEEDS)
    ]  # fmt: skip
    pooled = REPORT.recipes["poor"][CELL].figures["pooled"]
    assert pooled.over_seeds == pytest.approx(margin([float(rate) for rate in by_seed]))


def test_a_better_recipe_differs_beyond_chance_and_a_recipe_from_itself_by_nothing() -> None:
    difference = REPORT.differences["good"][CELL].figures["pooled"]
    cells = REPORT.recipes
    figures = [cells[name][CELL].figures["pooled"].value for name in ("good", "poor")]
    assert difference.value == pytest.approx(figures[0] - figures[1])
    assert difference.high is not None
    assert difference.high < 0
    same = report_of(POOR, replace(POOR, name="again")).differences["again"][CELL]
    for rate in same.figures.values():
        assert (rate.value, rate.low, rate.high) == (0, 0, 0)


def test_differences_are_paired() -> None:
    """A recipe that is a little better everywhere is told apart though its intervals overlap."""
    random = np.random.default_rng(3)
    of_source = dict(zip(sorted(set(DESIGN.sources)), (0.0, 0.8, 1.6, 2.4), strict=True))
    shift = np.array([of_source[source] for source in DESIGN.sources])
    noise = random.standard_normal(HUMAN.size)
    scores = {(fold, seed): noise + shift * HUMAN for fold in range(2) for seed in range(SEEDS)}
    better = {key: values + 0.5 * HUMAN for key, values in scores.items()}
    report = report_of(RecipeScores("base", scores), RecipeScores("better", better))
    base, other = (report.recipes[name][CELL].figures["pooled"] for name in ("base", "better"))
    assert None not in (base.low, other.high)
    assert other.high > base.low  # type: ignore[operator]
    difference = report.differences["better"][CELL].figures["pooled"]
    assert difference.high is not None
    assert difference.high < 0


def test_an_interval_holds_the_figure_and_widens_with_fewer_sources() -> None:
    for cells in REPORT.recipes.values():
        for rate in cells[CELL].figures.values():
            assert rate.low is not None
            assert rate.high is not None
            assert rate.low <= rate.value <= rate.high
            assert rate.high - rate.low > 0.01


def test_the_report_counts_trials_and_speakers_that_training_had() -> None:
    size = REPORT.sizes[CELL]
    assert size.trials == [(40, 80), (40, 80)]
    assert size.familiar == [(5, 0), (5, 0)]
    assert (size.sources, size.attacks) == ([2, 2], [2, 2])


def test_a_design_outlives_json() -> None:
    assert report_of(POOR).to_json()["folds"][1]["name"] == "fold 2"
    again = Design.from_json(DESIGN.to_json())
    assert again == DESIGN


def test_levels_are_drawn_within_their_group() -> None:
    weights = Factor(np.array([0, 1, 0, 1, 1])).draw(300, np.random.default_rng(1))
    assert (weights[:, [0, 2]].sum(axis=1) == 2).all()
    assert (weights[:, [1, 3, 4]].sum(axis=1) == 3).all()
    assert len(np.unique(weights, axis=0)) == 3 * 10  # every multiset of 2 of 2 and of 3 of 3
