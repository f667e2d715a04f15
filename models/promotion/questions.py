"""The questions of the gate: in which figures may a candidate not be worse than the champion?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from models.evaluation.bootstrap import ClusterMean, ClusterSum, ResampledEer, Statistic, TrialList
from models.evaluation.bootstrap.draws import Floats, Ints
from models.evaluation.calibration import Calibration
from models.evaluation.metrics.cllr import cllr
from models.evaluation.metrics.conditions import Conditions
from models.evaluation.metrics.dcf import act_dcf, bayes_threshold, dcf_factors
from models.evaluation.metrics.eer import eer
from models.params.evaluation import EvaluationParams
from models.params.promotion import MarginParams
from models.promotion.evidence import Calibrations, EvaluationSet
from models.promotion.sample import Sample


@dataclass(frozen=True)
class Question:
    """One figure of both detectors, and the margin by which the candidate's may be higher."""

    kind: str
    name: str
    subject: str  # as a sentence names the figure
    is_rate: bool  # 0-1, told in percent
    margin: float
    champion: float
    candidate: float
    groups: tuple[Ints, ...]  # rows of the trials it rests on; each must be large enough
    statistics: Callable[[TrialList], tuple[Statistic, Statistic]]  # champion's, candidate's


def attack_questions(sample: Sample, margins: MarginParams) -> Iterator[Question]:
    """Of every attack ever seen: its spoofs against all bona fide trials."""
    for attack, spoofs in sample.attack_rows.items():
        subject = f"the EER of attack {attack}"
        yield _eer_question(sample, "attack", attack, subject, spoofs, margins.attack)


def pooled_question(sample: Sample, kind: str, subject: str, margin: float) -> Question:
    """Of a whole set: its EER."""
    return _eer_question(sample, kind, sample.sets[0].value, subject, sample.spoofs, margin)


def _eer_question(
    sample: Sample, kind: str, name: str, subject: str, spoofs: Ints, margin: float
) -> Question:
    bonafide = sample.bonafide

    def statistics(trials: TrialList) -> tuple[Statistic, Statistic]:
        champion, candidate = (
            ResampledEer(scores, trials, bonafide, spoofs)
            for scores in (sample.champion, sample.candidate)
        )
        return champion, candidate

    champion, candidate = (
        eer(scores[bonafide], scores[spoofs]) for scores in (sample.champion, sample.candidate)
    )
    groups = (bonafide, spoofs)
    return Question(kind, name, subject, True, margin, champion, candidate, groups, statistics)


def miss_question(
    sample: Sample, name: str, rows: Ints, calibrations: Calibrations, margin: float
) -> Question:
    """Of a slice of bona fide speech: what each detector refuses at its own threshold."""
    missed = _missed(sample, rows, calibrations)
    subject = f"the share of {name} refused"
    return _mean_question("bonafide", name, subject, rows, missed, margin)


def operating_question(
    sample: Sample,
    calibrations: Calibrations,
    margin: float,
    target: float | None,
) -> Question:
    """Of the main set: bona fide speech refused, against the champion's or the operator's rate."""
    rows = np.intersect1d(sample.bonafide, sample.rows_of(sample.sets[0]))
    missed = _missed(sample, rows, calibrations)
    name, subject = "misses", "the share of bona fide speech refused"
    if target is not None:
        missed = np.full(rows.size, target), missed[1]
        name, subject = "target", "the share of bona fide speech refused, against what is set,"
    return _mean_question("operating-point", name, subject, rows, missed, margin)


def calibration_questions(
    sample: Sample, calibrations: Calibrations, margins: MarginParams, evaluation: EvaluationParams
) -> Iterator[Question]:
    """Of the main set: Cllr and the cost at Bayes' threshold, scores calibrated on dev."""
    own = sample.rows_of(sample.sets[0])
    bonafide, spoofs = np.intersect1d(own, sample.bonafide), np.intersect1d(own, sample.spoofs)
    assert calibrations.champion is not None
    sides = (
        (sample.champion, calibrations.champion),
        (sample.candidate, calibrations.candidate),
    )
    threshold = bayes_threshold(evaluation)
    costs = (
        ("cllr", "Cllr", cllr, margins.cllr, _log_costs, (0.5, 0.5)),
        (
            "act_dcf",
            "act DCF",
            act_dcf,
            margins.act_dcf,
            lambda llr, real: ((llr < threshold) == real).astype(np.float64),
            dcf_factors(evaluation),
        ),
    )
    for name, subject, measure, margin, cost, factors in costs:
        champion, candidate = (
            measure(scores[bonafide], scores[spoofs], Conditions(evaluation, calibration=fitted))
            for scores, fitted in sides
        )
        yield Question(
            "calibration",
            name,
            subject,
            False,
            margin,
            champion,
            candidate,
            (bonafide, spoofs),
            _class_costs(sides, (bonafide, spoofs), cost, factors),
        )


def _log_costs(llr: Floats, real: bool) -> Floats:
    """Bits (trials,) by which each log-likelihood ratio misses the truth."""
    return np.asarray(np.logaddexp(0.0, -llr if real else llr) / np.log(2), dtype=np.float64)


def _class_costs(
    sides: tuple[tuple[Floats, Calibration], tuple[Floats, Calibration]],
    groups: tuple[Ints, Ints],
    cost: Callable[[Floats, bool], Floats],
    factors: tuple[float, float],
) -> Callable[[TrialList], tuple[Statistic, Statistic]]:
    """Mean cost over bona fide trials and over spoofs, each with its factor, of both detectors."""

    def statistics(trials: TrialList) -> tuple[Statistic, Statistic]:
        champion, candidate = (
            ClusterSum(
                *(
                    (
                        factor,
                        ClusterMean(
                            cost(fitted.llr(scores[rows]), real),
                            trials.clusters[rows],
                            trials.count,
                        ),
                    )
                    for rows, real, factor in zip(groups, (True, False), factors, strict=True)
                )
            )
            for scores, fitted in sides
        )
        return champion, candidate

    return statistics


def _missed(sample: Sample, rows: Ints, calibrations: Calibrations) -> tuple[Floats, Floats]:
    """Which trials (rows,) each detector refuses, as 0 or 1."""
    assert calibrations.champion is not None
    return (
        (sample.champion[rows] < calibrations.champion.threshold).astype(np.float64),
        (sample.candidate[rows] < calibrations.candidate.threshold).astype(np.float64),
    )


def _mean_question(
    kind: str,
    name: str,
    subject: str,
    rows: Ints,
    values: tuple[Floats, Floats],
    margin: float,
) -> Question:
    def statistics(trials: TrialList) -> tuple[Statistic, Statistic]:
        clusters = trials.clusters[rows]
        champion, candidate = (ClusterMean(of, clusters, trials.count) for of in values)
        return champion, candidate

    champion, candidate = (float(of.mean()) for of in values)
    return Question(kind, name, subject, True, margin, champion, candidate, (rows,), statistics)


def slices_of(name: EvaluationSet, slices: Mapping[str, Ints]) -> Iterator[tuple[str, Ints]]:
    """The slices that hold a trial, named so that two sets may hold one of the same name."""
    for part, rows in slices.items():
        if rows.size:
            yield (part if name is EvaluationSet.BONAFIDE_HARD else f"{part} ({name})"), rows
