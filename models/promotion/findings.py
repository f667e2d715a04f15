"""What the gate finds of each question: it holds, it fails, or there are too few trials to tell.

Non-inferiority: the one-sided upper bound of candidate − champion lies below the margin.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from models.evaluation.bootstrap import TrialList, resample
from models.evaluation.bootstrap.draws import Floats
from models.params.promotion import PromotionParams
from models.promotion.questions import Question
from models.promotion.sample import Sample
from models.promotion.verdict import Check, Comparison, Finding


@dataclass(frozen=True)
class Measurement:
    """A question with its resampled differences (resamples,), candidate − champion."""

    question: Question
    differences: Floats  # NaN: the draw held none of the trials
    is_small: bool  # too few trials or clusters to exclude the margin

    @property
    def difference(self) -> float:
        """As measured."""
        return self.question.candidate - self.question.champion

    def quantile(self, share: float) -> float:
        """Of the differences."""
        return float(np.nanquantile(self.differences, share))


def measure(
    questions: Sequence[Question], sample: Sample, params: PromotionParams
) -> tuple[Measurement, ...]:
    """Resample both detectors' figures of every question on the same draws."""
    loose = _rows_of_few_clusters(questions, sample, params)
    measurements = {}
    for trials, is_loose in ((sample.trials, False), (sample.loosened(loose), True)):
        group = [q for q in questions if _has_few_clusters(q, sample, params) is is_loose]
        for question, differences in _differences(group, trials, params):
            small = is_loose or any(
                rows.size < _enough(question, params) for rows in question.groups
            )
            measurements[id(question)] = Measurement(question, differences, small)
    return tuple(measurements[id(question)] for question in questions)


def check(measurement: Measurement, family: int, params: PromotionParams) -> Check:
    """The check of one measurement; `family`: how many questions of its kind there are."""
    question = measurement.question
    finding = _finding(measurement, family, params)
    return Check(
        question.kind,
        question.name,
        finding,
        _sentence(measurement, finding, params),
        question.champion,
        question.candidate,
        measurement.difference,
        measurement.quantile(1 - params.veto_level),
        question.margin,
        question.groups[-1].size,
    )


def comparison(measurement: Measurement, confidence: float) -> Comparison:
    """The figures of both detectors, with a two-sided interval of the difference."""
    tail = (1 - confidence) / 2
    return Comparison(
        measurement.question.champion,
        measurement.question.candidate,
        measurement.difference,
        (measurement.quantile(tail), measurement.quantile(1 - tail)),
        measurement.question.groups[-1].size,
    )


def _finding(measurement: Measurement, family: int, params: PromotionParams) -> Finding:
    """It holds where it is shown, and fails where it could have been shown or is plainly worse."""
    level = params.veto_level
    family_level = level / family  # Bonferroni's: ten slices veto no more often than one
    if _is_not_worse(measurement, level):
        return Finding.HOLDS
    if _has_power(measurement, level, family_level) or _is_worse(measurement, family_level):
        return Finding.FAILS
    return Finding.UNDECIDED


def _is_not_worse(measurement: Measurement, level: float) -> bool:
    """Non-inferiority at a level: upper bound < margin."""
    return (
        not measurement.is_small and measurement.quantile(1 - level) < measurement.question.margin
    )


def _has_power(measurement: Measurement, level: float, family_level: float) -> bool:
    """Whether a candidate that errs as much as the champion would have shown it in a whole family.

    It does so with probability 1 − level where the margin has room for both errors,

        (upper bound at level − estimate) + (upper bound at family_level − estimate) <= margin
    """
    estimate, margin = measurement.difference, measurement.question.margin
    room = (measurement.quantile(1 - level) - estimate) + (
        measurement.quantile(1 - family_level) - estimate
    )
    return not measurement.is_small and room <= margin


def _is_worse(measurement: Measurement, level: float) -> bool:
    """Estimate > margin and lower bound > 0, of so many trials that chance alone is excluded."""
    fewest = min(rows.size for rows in measurement.question.groups)
    # all of them may go wrong by chance where (1/2) ** trials is more than the level
    excludes_chance = fewest >= math.log2(1 / level)
    beyond = measurement.difference > measurement.question.margin
    return excludes_chance and beyond and measurement.quantile(level) > 0


def _enough(question: Question, params: PromotionParams) -> float:
    """Trials of which none going wrong excludes the margin: (1 − margin) ** trials <= level."""
    if not question.is_rate or not 0 < question.margin < 1:
        return params.min_trials
    return max(params.min_trials, math.log(params.veto_level) / math.log(1 - question.margin))


def _has_few_clusters(question: Question, sample: Sample, params: PromotionParams) -> bool:
    return any(sample.clusters_in(rows) < params.min_clusters for rows in question.groups)


def _rows_of_few_clusters(
    questions: Sequence[Question], sample: Sample, params: PromotionParams
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Rows of groups with too few speakers to resample by speaker: they are drawn one by one."""
    groups = [
        rows
        for question in questions
        for rows in question.groups
        if sample.clusters_in(rows) < params.min_clusters
    ]
    return np.unique(np.concatenate(groups)) if groups else np.empty(0, dtype=np.int64)


def _differences(
    questions: Sequence[Question], trials: TrialList, params: PromotionParams
) -> Iterator[tuple[Question, Floats]]:
    statistics = {}
    for number, question in enumerate(questions):
        statistics[number, 0], statistics[number, 1] = question.statistics(trials)
    if not statistics:
        return
    values = resample(trials, statistics, params.resamples, params.seed)
    for number, question in enumerate(questions):
        yield question, values[number, 1] - values[number, 0]


def _sentence(measurement: Measurement, finding: Finding, params: PromotionParams) -> str:
    question = measurement.question
    margin = _amount(question.margin, question)
    if finding is Finding.UNDECIDED:
        counts = " and ".join(f"{rows.size:,}" for rows in question.groups)
        return f"{_change(question)}: {counts} trials are too few to decide about {margin}"
    worst = _amount(measurement.quantile(1 - params.veto_level), question, signed=True)
    confidence = f"{100 * (1 - params.veto_level):g} % confidence"
    return f"{_change(question)} (at worst {worst} with {confidence}, {margin} allowed)"


def _change(question: Question) -> str:
    before, after = question.champion, question.candidate
    way = "rises" if after > before else "falls" if after < before else "goes"
    if question.is_rate:
        return f"{question.subject} {way} from {100 * before:.2f} % to {100 * after:.2f} %"
    return f"{question.subject} {way} from {before:.3f} to {after:.3f}"


def _amount(amount: float, question: Question, signed: bool = False) -> str:
    if question.is_rate:
        return f"{100 * amount:+.2f} points" if signed else f"{100 * amount:g} points"
    return f"{amount:+.3f}" if signed else f"{amount:g}"
