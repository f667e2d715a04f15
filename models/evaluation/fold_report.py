"""The report of a plan of folds: EERs, and how they vary over folds and seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from models.evaluation.metrics.eer import eer
from models.evaluation.scores import Scores

CONFIDENCE = 0.95

Cell = tuple[str, int]  # fold and seed


@dataclass(frozen=True)
class Judged:
    """The scores of the held-out clips of one fold, by the detector of one seed."""

    fold: str
    seed: int
    scores: Scores


@dataclass(frozen=True)
class Estimate:
    """A mean over folds and seeds, and half the width of its Student-t intervals at 95 %.

    `over_folds` is made from each fold's mean over seeds: how far another choice of speakers (or
    attacks, or sources) would move the mean. Folds share what they learn from, so it is a little
    narrow (Bengio & Grandvalet 2004: no unbiased estimate exists). `over_seeds` is made from each
    seed's mean over folds: what chance in training does. None where there is one alone.
    """

    mean: float  # 0–1
    over_folds: float | None
    over_seeds: float | None
    folds: int
    seeds: int


@dataclass(frozen=True)
class FoldReport:
    """Every figure of a plan. EERs are in 0–1."""

    runs: tuple[Mapping[str, Any], ...]  # one for each fold and seed
    by_fold: Mapping[str, Estimate]
    by_attack: Mapping[str, Estimate]  # over the folds that judge the attack
    eer: Estimate  # of the EERs of folds
    pooled: Estimate  # of the EER of all folds' scores under one threshold, a seed at a time

    def to_json(self) -> dict[str, Any]:
        """One object."""
        return {
            "eer": asdict(self.eer),
            "pooled": asdict(self.pooled),
            "by_fold": {name: asdict(rates) for name, rates in self.by_fold.items()},
            "by_attack": {name: asdict(rates) for name, rates in self.by_attack.items()},
            "runs": [dict(run) for run in self.runs],
            "interval": f"Student-t, {CONFIDENCE:.0%}",
        }


def build_fold_report(judged: Sequence[Judged]) -> FoldReport:
    """The report of at least one fold; raises InputError where scores lack a class."""
    cells = {(run.fold, run.seed): run.scores for run in judged}
    by_attack = {cell: _attack_eers(scores) for cell, scores in cells.items()}
    eers = {cell: eer(scores.bonafide, scores.spoof) for cell, scores in cells.items()}
    attacks = sorted({attack for rates in by_attack.values() for attack in rates})
    return FoldReport(
        runs=tuple(_run(cell, scores, by_attack[cell]) for cell, scores in cells.items()),
        by_fold={
            name: estimate(_of_fold(eers, name)) for name in dict.fromkeys(f for f, _ in eers)
        },
        by_attack={
            attack: estimate(
                {c: rates[attack] for c, rates in by_attack.items() if attack in rates}
            )
            for attack in attacks
        },
        eer=estimate(eers),
        pooled=_pooled(judged),
    )


def estimate(values: Mapping[Cell, float]) -> Estimate:
    """The mean of the folds' means over seeds, with its intervals; at least one value expected."""
    by_fold = _means(values, 0)
    by_seed = _means(values, 1)
    return Estimate(
        float(np.mean(by_fold)), margin(by_fold), margin(by_seed), len(by_fold), len(by_seed)
    )


def margin(values: Sequence[float]) -> float | None:
    """Half the width of the Student-t interval of a mean; None of a single value."""
    from scipy.special import stdtrit  # comes with scikit-learn; only reports need it

    if len(values) < 2:
        return None
    quantile = stdtrit(len(values) - 1, 0.5 + CONFIDENCE / 2)
    return float(quantile * np.std(values, ddof=1) / np.sqrt(len(values)))


def _means(values: Mapping[Cell, float], axis: int) -> list[float]:
    groups: dict[str | int, list[float]] = {}
    for cell, value in values.items():
        groups.setdefault(cell[axis], []).append(value)
    return [float(np.mean(group)) for group in groups.values()]


def _of_fold(eers: Mapping[Cell, float], name: str) -> dict[Cell, float]:
    return {cell: value for cell, value in eers.items() if cell[0] == name}


def _attack_eers(scores: Scores) -> dict[str, float]:
    return {attack: eer(scores.bonafide, spoof) for attack, spoof in scores.by_attack().items()}


def _run(cell: Cell, scores: Scores, by_attack: Mapping[str, float]) -> dict[str, Any]:
    return {
        "fold": cell[0],
        "seed": cell[1],
        "eer": eer(scores.bonafide, scores.spoof),
        "by_attack": dict(by_attack),
        "trials": {"bonafide": scores.bonafide.size, "spoof": scores.spoof.size},
    }


def _pooled(judged: Sequence[Judged]) -> Estimate:
    seeds: dict[int, list[Scores]] = {}
    for run in judged:
        seeds.setdefault(run.seed, []).append(run.scores)
    values = {("all", seed): _joint_eer(scores) for seed, scores in seeds.items()}
    return replace(estimate(values), folds=len({run.fold for run in judged}))


def _joint_eer(scores: Sequence[Scores]) -> float:
    bonafide = np.concatenate([run.bonafide for run in scores])
    return eer(bonafide, np.concatenate([run.spoof for run in scores]))
