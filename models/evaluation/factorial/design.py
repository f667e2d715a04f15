"""Who shares what in the trials of a factorial plan, and which trials each cell has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from models.data.folds import EvaluationCell, FactorialFold
from models.data.folds.factors import FactorTable
from models.data.folds.fold import distinct_names
from models.trials import Trial


@dataclass(frozen=True)
class FoldCells:
    """The trials of a fold's cells, as places in the design's list of trials."""

    name: str
    attacks: tuple[str, ...]  # held out
    sources: tuple[str, ...]
    train: tuple[int, int]  # bona fide trials, spoofs
    dev: tuple[int, int]
    cells: Mapping[str, Sequence[int]]
    familiar: Sequence[int]  # trials whose speaker or voice is in train


@dataclass(frozen=True)
class Design:
    """The trials that are evaluated in any fold, and the folds."""

    utterance_ids: Sequence[str]
    attacks: Sequence[str]  # "": bona fide
    sources: Sequence[str]
    places: Sequence[str]  # sources that share a speaker are one place
    persons: Sequence[str]  # a speaker, or the voice of a synthesiser
    of_place: Sequence[bool]  # whether the person belongs to the place, or to the attack
    folds: Sequence[FoldCells]

    @classmethod
    def of(cls, trials: Sequence[Trial], folds: Sequence[FactorialFold]) -> Self:
        """The design of a plan."""
        table = FactorTable(trials)
        rows = np.unique(np.concatenate([fold.eval for fold in folds]))
        place = {int(row): number for number, row in enumerate(rows)}
        chosen = rows.tolist()
        return cls(
            utterance_ids=[trials[row].utterance_id for row in chosen],
            attacks=[trials[row].attack_id or "" for row in chosen],
            sources=[trials[row].source or "" for row in chosen],
            places=[table.places[trials[row].source or ""] for row in chosen],
            persons=[str(table.people[row]) for row in chosen],
            of_place=[bool(table.human[row]) for row in chosen],
            folds=[_fold_cells(fold, trials, table, place) for fold in folds],
        )

    @property
    def attack_names(self) -> list[str]:
        """Every attack that is evaluated."""
        return distinct_names(self.attacks)

    @property
    def source_names(self) -> list[str]:
        """Every source that is evaluated."""
        return distinct_names(self.sources)

    def to_json(self) -> dict[str, Any]:
        """One object, from which `from_json` makes the same design."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The design of an object of `to_json`; raises KeyError or TypeError for another one."""
        folds = [FoldCells(**fold) for fold in document["folds"]]
        return cls(**{**document, "folds": folds})


def _fold_cells(
    fold: FactorialFold, trials: Sequence[Trial], table: FactorTable, place: Mapping[int, int]
) -> FoldCells:
    learnt = set(table.people[fold.train])
    return FoldCells(
        name=fold.name,
        attacks=fold.attacks,
        sources=fold.sources,
        train=_sizes(fold.train, trials),
        dev=_sizes(fold.dev, trials),
        cells={
            str(cell): [place[row] for row in fold.cells[cell].tolist()] for cell in EvaluationCell
        },
        familiar=[place[row] for row in fold.eval.tolist() if table.people[row] in learnt],
    )


def _sizes(
    rows: np.ndarray[tuple[int], np.dtype[np.int64]], trials: Sequence[Trial]
) -> tuple[int, int]:
    spoofs = sum(trials[row].attack_id is not None for row in rows.tolist())
    return len(rows) - spoofs, spoofs
