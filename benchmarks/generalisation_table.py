"""The table of `benchmarks.generalisation`, from whatever is finished."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.generalisation_corpus import ATTACKS, SOURCES
from benchmarks.generalisation_recipes import NAIVE, UNTRAINED
from models.fold_report import margin

FOLDS = {"eval": 1, "attacks": len(ATTACKS), "sources": len(SOURCES)}  # of each plan
PLANS = tuple(FOLDS)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """What is finished."""
    if not path.is_file():
        return []
    return [json.loads(text) for text in path.read_text().splitlines() if text.endswith("}")]


def table(lines: Sequence[Mapping[str, Any]], start: str) -> Iterator[str]:
    """A line a recipe; only seeds with every fold of a plan count."""
    chosen = [each for each in lines if each["start"] in (start, UNTRAINED)]
    recipes = list(dict.fromkeys(each["recipe"] for each in chosen))
    rates = {(recipe, plan): _by_seed(chosen, recipe, plan) for recipe in recipes for plan in PLANS}
    yield f"{'EER %':20}" + "".join(f"{plan:>14}{'vs naive':>16}" for plan in PLANS) + "   seeds"
    for recipe in recipes:
        cells = [_cell(rates[recipe, plan]) for plan in PLANS]
        against = [_against(rates[recipe, plan], rates.get((NAIVE, plan), {})) for plan in PLANS]
        seeds = "/".join(str(len(rates[recipe, plan])) for plan in PLANS)
        both = "".join(f"{a:>14}{b:>16}" for a, b in zip(cells, against, strict=True))
        yield f"{recipe:20}{both}   {seeds}"


def _by_seed(lines: Sequence[Mapping[str, Any]], recipe: str, plan: str) -> dict[int, float]:
    found: dict[int, dict[str, float]] = {}
    for each in lines:
        if each["recipe"] == recipe and each["plan"] == plan:
            found.setdefault(each["seed"], {})[each["fold"]] = each["eer"]
    return {
        seed: float(np.mean(list(eers.values())))
        for seed, eers in found.items()
        if len(eers) == FOLDS[plan]
    }


def _cell(by_seed: Mapping[int, float]) -> str:
    if not by_seed:
        return "–"
    return f"{100 * np.mean(list(by_seed.values())):.1f}{_half(list(by_seed.values()))}"


def _against(by_seed: Mapping[int, float], naive: Mapping[int, float]) -> str:
    both = [by_seed[seed] - naive[seed] for seed in by_seed if seed in naive]
    return f"{100 * np.mean(both):+.1f}{_half(both)}" if both else ""


def _half(values: Sequence[float]) -> str:
    width = margin(values)
    return "" if width is None else f" ± {100 * width:.1f}"
