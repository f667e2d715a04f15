"""Detection cost, normalised as in the ASVspoof 5 evaluation plan.

    DCF(t) = (C_miss (1 - p_spoof) P_miss(t) + C_fa p_spoof P_fa(t))
             / min(C_miss (1 - p_spoof), C_fa p_spoof)

1 is what a detector costs that always gives the cheaper of the two constant answers.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.evaluation.metrics.conditions import DEFAULT, Conditions, Floats
from models.evaluation.metrics.curve import error_curve
from models.params.evaluation import EvaluationParams


def min_dcf(bonafide: Floats, spoof: Floats, conditions: Conditions = DEFAULT) -> float:
    """The lowest cost any threshold reaches."""
    curve = error_curve(bonafide, spoof)
    return float(np.min(_cost(curve.misses, curve.false_alarms, conditions.evaluation)))


def act_dcf(bonafide: Floats, spoof: Floats, conditions: Conditions = DEFAULT) -> float:
    """The cost at Bayes' threshold, the scores taken as log-likelihood ratios."""
    if not bonafide.size or not spoof.size:
        raise InputError("scores of both classes expected, one class is missing")
    threshold = bayes_threshold(conditions.evaluation)
    misses = np.mean(conditions.llr(bonafide) < threshold, keepdims=True)
    false_alarms = np.mean(conditions.llr(spoof) >= threshold, keepdims=True)
    return float(_cost(misses, false_alarms, conditions.evaluation)[0])


def min_dcf_threshold(bonafide: Floats, spoof: Floats, evaluation: EvaluationParams) -> float:
    """The (lowest) threshold of the lowest cost; accepted as bona fide: >= threshold."""
    curve = error_curve(bonafide, spoof)
    return curve.threshold(int(np.argmin(_cost(curve.misses, curve.false_alarms, evaluation))))


def bayes_threshold(evaluation: EvaluationParams) -> float:
    """The log-likelihood ratio above which accepting costs less than rejecting."""
    miss, false_alarm = _weights(evaluation)
    return math.log(false_alarm / miss)


def _weights(evaluation: EvaluationParams) -> tuple[float, float]:
    miss = evaluation.cost_miss * (1 - evaluation.p_spoof)
    false_alarm = evaluation.cost_false_alarm * evaluation.p_spoof
    if min(miss, false_alarm) <= 0:
        raise InputError(
            "evaluation: p_spoof between 0 and 1 and costs above 0 expected, "
            f"found {evaluation.p_spoof:g}, {evaluation.cost_miss:g}, "
            f"{evaluation.cost_false_alarm:g}"
        )
    return miss, false_alarm


def dcf_factors(evaluation: EvaluationParams) -> tuple[float, float]:
    """The factors of the rates of misses and of false alarms."""
    miss, false_alarm = _weights(evaluation)
    least = min(miss, false_alarm)
    return miss / least, false_alarm / least


def _cost(
    misses: NDArray[np.float64], false_alarms: NDArray[np.float64], evaluation: EvaluationParams
) -> NDArray[np.float64]:
    miss, false_alarm = _weights(evaluation)
    return (miss * misses + false_alarm * false_alarms) / min(miss, false_alarm)
