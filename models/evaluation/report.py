"""A detector's figures: pooled, and each attack against all bona fide trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from models.evaluation.calibration import Calibration
from models.evaluation.metrics import METRICS
from models.evaluation.metrics.auc import auc
from models.evaluation.metrics.conditions import AsvErrorRates, Conditions, Floats
from models.evaluation.metrics.confusion import Confusion, confusion
from models.evaluation.metrics.eer import eer_threshold
from models.evaluation.scores import Scores
from models.params.evaluation import EvaluationParams


@dataclass(frozen=True)
class Figures:
    """Every measure of METRICS, and the counts behind the ones at a threshold."""

    measures: Mapping[str, float | None]  # rates in 0-1; None: not defined for these trials
    confusion: Confusion
    spoofs: int  # trials

    def to_json(self) -> dict[str, Any]:
        """One object: a number or null for each measure, and `confusion`."""
        return {**self.measures, "confusion": asdict(self.confusion)}


@dataclass(frozen=True)
class Report:
    """All measures of a detector from one list of scores."""

    pooled: Figures
    by_attack: Mapping[str, Figures]
    bonafide: int  # trials
    spoof: int  # trials
    threshold: float  # accepted as bona fide: cm_score >= threshold
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The same object wherever metrics are given."""
        document: dict[str, Any] = {
            "pooled": self.pooled.to_json(),
            "by_attack": {name: figures.to_json() for name, figures in self.by_attack.items()},
            "trials": {"bonafide": self.bonafide, "spoof": self.spoof},
            "threshold": self.threshold,
        }
        if self.warnings:
            document["warnings"] = list(self.warnings)
        return document


def build_report(
    scores: Scores,
    evaluation: EvaluationParams,
    threshold: float | None = None,
    calibration: Calibration | None = None,
    asv: AsvErrorRates | None = None,
) -> Report:
    """Every measure of `scores`; raises InputError where a class is missing.

    The threshold is the one given, else the calibration's, else where the pooled rates are equal.
    act DCF and Cllr take the scores as log-likelihood ratios: calibrated ones where a calibration
    is given. An attack's min t-DCF needs ASV scores of that attack.
    """
    scores.require_both_classes()
    if threshold is None and calibration is not None:
        threshold = calibration.threshold
    if threshold is None:
        threshold = eer_threshold(scores.bonafide, scores.spoof)
    conditions = Conditions(evaluation, threshold, calibration, asv)
    by_attack = {
        attack: _figures(
            scores.bonafide, spoof, replace(conditions, asv=asv and asv.for_attack(attack))
        )
        for attack, spoof in scores.by_attack().items()
    }
    pooled = _figures(scores.bonafide, scores.spoof, conditions)
    return Report(
        pooled, by_attack, scores.bonafide.size, scores.spoof.size, threshold, warnings_of(scores)
    )


def warnings_of(scores: Scores) -> tuple[str, ...]:
    """Warnings for readers of figures made from these scores."""
    if scores.is_bonafide.all() or not scores.is_bonafide.any():
        return scores.notes  # one class alone runs no way round
    area = auc(scores.bonafide, scores.spoof)
    if area >= 0.5:
        return scores.notes
    return (
        *scores.notes,
        "the scores run the wrong way round: higher must mean more bona fide, but spoofs score "
        f"above bona fide trials (AUC {area:.3f}); nothing was flipped",
    )


def _figures(bonafide: Floats, spoof: Floats, conditions: Conditions) -> Figures:
    measures = {name: metric(bonafide, spoof, conditions) for name, metric in METRICS.items()}
    return Figures(measures, confusion(bonafide, spoof, conditions), spoof.size)
