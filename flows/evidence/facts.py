"""The figures of an evidence page that neither verdict nor report hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.evaluation.report import build_report
from models.promotion import SETS, EvaluationSet, Evidence, Pair
from models.promotion.questions import slices_of

if TYPE_CHECKING:
    from models.evaluation.calibration import Calibration
    from models.evaluation.scores import Scores

SIDES = ("champion", "candidate")
# measure -> what a page calls it; those with % are printed in percent
MEASURES = {
    "eer": "EER %",
    "auc": "AUC %",
    "min_dcf": "min DCF",
    "act_dcf": "act DCF",
    "cllr": "Cllr",
}


@dataclass(frozen=True)
class SetFacts:
    """One evaluation set: what is in it, and what both detectors do there."""

    name: EvaluationSet
    version: str
    bonafide: int  # trials
    spoof: int
    clusters: int  # speakers, else sources, else utterances
    attacks: int
    measures: Mapping[str, Mapping[str, float | None]]  # side -> measure -> value; none: one class
    operating: Mapping[str, tuple[float, float]]  # side -> misses, false alarms at its threshold


@dataclass(frozen=True)
class SliceFacts:
    """Misses (0-1) on one slice of bona fide trials, each detector at its own threshold."""

    set: EvaluationSet
    name: str  # as the check of it is named
    trials: int
    champion: float | None
    candidate: float | None


def set_facts(evidence: Evidence) -> list[SetFacts]:
    """Every set that is there, in the order of SETS."""
    return [_of_set(name, evidence.sets[name], evidence) for name in SETS if name in evidence.sets]


def absent_sets(evidence: Evidence) -> list[str]:
    """Sets with trials of their own that are not there."""
    own = (name for name in SETS if name is not EvaluationSet.PAST_ATTACKS)
    return [name.value for name in own if name not in evidence.sets]


def slice_facts(evidence: Evidence) -> list[SliceFacts]:
    """Every slice of every set."""
    return [
        SliceFacts(
            name,
            part,
            rows.size,
            _misses(pair, "champion", rows, evidence),
            _misses(pair, "candidate", rows, evidence),
        )
        for name in SETS
        if (pair := evidence.sets.get(name))
        for part, rows in sorted(slices_of(name, pair.slices))
    ]


def sides_of(pair: Pair) -> dict[str, Scores]:
    """The scores of each detector that is there, by its side."""
    both = {"champion": pair.champion, "candidate": pair.candidate}
    return {side: scores for side, scores in both.items() if scores is not None}


def has_both_classes(pair: Pair) -> bool:
    """Whether there is a curve to draw."""
    real = pair.candidate.is_bonafide
    return bool(real.any() and not real.all())


def calibration_of(evidence: Evidence, side: str) -> Calibration | None:
    """A side's calibration, where it is known."""
    if evidence.calibrations is None:
        return None
    calibration: Calibration | None = getattr(evidence.calibrations, side)
    return calibration


def _of_set(name: EvaluationSet, pair: Pair, evidence: Evidence) -> SetFacts:
    scores = pair.candidate
    sides = sides_of(pair)
    both = has_both_classes(pair)
    return SetFacts(
        name,
        pair.version or scores.trials_hash,
        int(scores.is_bonafide.sum()),
        int((~scores.is_bonafide).sum()),
        len(set(scores.clusters)),
        len({attack for attack in scores.attack_ids if attack is not None}),
        {side: _measures(side_scores, side, evidence) for side, side_scores in sides.items()}
        if both
        else {},
        _operating(sides, evidence) if both else {},
    )


def _measures(scores: Scores, side: str, evidence: Evidence) -> dict[str, float | None]:
    calibration = calibration_of(evidence, side)
    report = build_report(scores, evidence.evaluation, calibration=calibration)
    measures = {name: report.pooled.measures[name] for name in MEASURES}
    # without a calibration, scores are no log-likelihood ratios
    return measures if calibration else {**measures, "act_dcf": None, "cllr": None}


def _operating(sides: Mapping[str, Scores], evidence: Evidence) -> dict[str, tuple[float, float]]:
    rates = {}
    for side, scores in sides.items():
        calibration = calibration_of(evidence, side)
        if calibration is not None:
            misses = float(np.mean(scores.bonafide < calibration.threshold))
            false_alarms = float(np.mean(scores.spoof >= calibration.threshold))
            rates[side] = (misses, false_alarms)
    return rates


def _misses(pair: Pair, side: str, rows: NDArray[np.int64], evidence: Evidence) -> float | None:
    """Of one side at its own threshold; rows count in the candidate's order."""
    scores, calibration = sides_of(pair).get(side), calibration_of(evidence, side)
    if scores is None or calibration is None or not rows.size:
        return None
    if side == "champion":
        place = {name: row for row, name in enumerate(scores.utterance_ids)}
        rows = np.array([place[pair.candidate.utterance_ids[row]] for row in rows])
    return float(np.mean(scores.cm_scores[rows] < calibration.threshold))
