"""The adaptation curve: EER on a new attack after so many labels, and what it costs elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.evaluation.fold_report import margin


@dataclass(frozen=True)
class AdaptationPoint:
    """What one detector scores after some labels of one new attack. EERs are in 0–1."""

    attack: str
    path: str  # fast or full
    labels: int
    seed: int
    eer: float  # of the new attack
    others: Mapping[str, float]  # of each attack that was known before
    seconds: float  # from the last label to the new detector


@dataclass(frozen=True)
class CurveRow:
    """The mean over attacks and seeds for a path and a number of labels. EERs are in 0–1."""

    path: str
    labels: int
    attacks: int  # that had so many labels
    eer: float
    over_attacks: float | None  # half of Student's t 95 % interval of the attacks' means
    ratio: float  # of the EER to that without labels, mean over attacks
    forgotten: float  # mean rise of the EER of the known attacks
    worst: float  # largest rise of one of them, mean over seeds
    seconds: float


def curve_rows(points: Sequence[AdaptationPoint]) -> tuple[CurveRow, ...]:
    """A row for each path and number of labels, without labels first."""
    before = {(p.path, p.attack, p.seed): p for p in points if p.labels == 0}
    keys = sorted({(point.path, point.labels) for point in points})
    return tuple(
        _row(path, labels, [p for p in points if (p.path, p.labels) == (path, labels)], before)
        for path, labels in keys
    )


def to_json(points: Sequence[AdaptationPoint]) -> dict[str, Any]:
    """The rows, and every point."""
    return {
        "rows": [vars(row) for row in curve_rows(points)],
        "points": [{**vars(point), "others": dict(point.others)} for point in points],
    }


def _row(
    path: str,
    labels: int,
    points: Sequence[AdaptationPoint],
    before: Mapping[tuple[str, str, int], AdaptationPoint],
) -> CurveRow:
    attacks = sorted({point.attack for point in points})
    rates, ratios, rises, worst = [], [], [], []
    for attack in attacks:
        own = [point for point in points if point.attack == attack]
        first = [before[path, attack, point.seed] for point in own]
        rates.append(float(np.mean([point.eer for point in own])))
        start = float(np.mean([point.eer for point in first]))
        ratios.append(rates[-1] / start if start > 0 else 1.0)
        rise = {
            known: float(
                np.mean(
                    [p.others[known] - f.others[known] for p, f in zip(own, first, strict=True)]
                )
            )
            for known in own[0].others
        }
        rises.append(float(np.mean(list(rise.values()))))
        worst.append(max(rise.values()))
    return CurveRow(
        path=path,
        labels=labels,
        attacks=len(attacks),
        eer=float(np.mean(rates)),
        over_attacks=margin(rates),
        ratio=float(np.mean(ratios)),
        forgotten=float(np.mean(rises)),
        worst=max(worst),
        seconds=float(np.mean([point.seconds for point in points])),
    )
