"""The table of `benchmarks.generalisation`, from whatever is finished."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.generalisation_corpus import HELD_OUT
from benchmarks.generalisation_recipes import NAIVE, UNTRAINED
from models.evaluation.fold_report import margin

COLUMNS = ("eval", "attacks", "sources")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """What is finished."""
    if not path.is_file():
        return []
    return [json.loads(text) for text in path.read_text().splitlines() if text.endswith("}")]


def table(lines: Sequence[Mapping[str, Any]], start: str) -> Iterator[str]:
    """A line a recipe; only seeds with every training count."""
    chosen = [line for line in lines if line["start"] in (start, UNTRAINED)]
    recipes = list(dict.fromkeys(line["recipe"] for line in chosen))
    rates = {recipe: _by_seed(chosen, recipe) for recipe in recipes}
    yield f"{'EER %':20}" + "".join(f"{name:>14}{'vs naive':>16}" for name in COLUMNS) + "   seeds"
    for recipe in recipes:
        cells = ""
        for at in range(len(COLUMNS)):
            own = {seed: eers[at] for seed, eers in rates[recipe].items()}
            naive = {seed: eers[at] for seed, eers in rates.get(NAIVE, {}).items()}
            cells += f"{_cell(own):>14}{_against(own, naive):>16}"
        yield f"{recipe:20}{cells}   {len(rates[recipe])}"


def _by_seed(lines: Sequence[Mapping[str, Any]], recipe: str) -> dict[int, list[float]]:
    """For each seed, the mean EER of each column."""
    by_seed: dict[int, dict[str, list[float]]] = {}
    for line in lines:
        if line["recipe"] == recipe:
            eers = [line["eer"][name] for name in COLUMNS]
            by_seed.setdefault(line["seed"], {})[line["round"]] = eers
    return {
        seed: np.mean(list(by_round.values()), axis=0).tolist()
        for seed, by_round in by_seed.items()
        if len(by_round) == len(HELD_OUT)
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
