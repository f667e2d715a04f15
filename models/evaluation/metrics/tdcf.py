"""Tandem detection cost: a countermeasure in front of a fixed speaker verification (ASV) system.

With the ASV at its EER threshold, P its error rates, and the priors and costs below:

    2019 plan    t-DCF(t) = C1 P_miss(t) + C2 P_fa(t), over min(C1, C2)
                 C1 = p_target (C_miss_cm - C_miss P_miss_asv) - p_nontarget C_fa P_fa_asv
                 C2 = C_fa_cm p_spoof (1 - P_miss_spoof_asv)
    2021 plan    t-DCF(t) = C0 + C1 P_miss(t) + C2 P_fa(t), over C0 + min(C1, C2)
                 C0 = p_target C_miss P_miss_asv + p_nontarget C_fa P_fa_asv, the ASV alone
                 C1 = p_target C_miss - C0
                 C2 = p_spoof C_fa_spoof (1 - P_miss_spoof_asv)

(ASVspoof 2019 evaluation plan; Kinnunen et al., "Tandem assessment of spoofing countermeasures and
automatic speaker verification: fundamentals", 2020, for the second.)
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.evaluation.metrics.conditions import DEFAULT, AsvErrorRates, Conditions, Floats
from models.evaluation.metrics.curve import error_curve
from models.evaluation.metrics.eer import closest

P_SPOOF = 0.05  # both plans
P_TARGET = (1 - P_SPOOF) * 0.99  # both plans
P_NONTARGET = (1 - P_SPOOF) * 0.01  # both plans
COST_MISS = 1.0  # both plans, of the ASV and of the countermeasure
COST_FALSE_ALARM = 10.0  # both plans, of the ASV, of the countermeasure and of a spoof


def asv_error_rates(
    target: Floats, nontarget: Floats, spoof_by_attack: Mapping[str, Floats]
) -> AsvErrorRates:
    """The rates at the EER threshold of target (trials,) against nontarget (trials,) scores."""
    curve = error_curve(target, nontarget)
    # the highest score rejected at the EER, and not one above it: so the published rates were made
    threshold = curve.thresholds[max(closest(curve) - 1, 0)]
    spoof = np.concatenate(list(spoof_by_attack.values()))
    return AsvErrorRates(
        float(np.mean(target < threshold)),
        float(np.mean(nontarget >= threshold)),
        float(np.mean(spoof < threshold)),
        {attack: float(np.mean(asv < threshold)) for attack, asv in spoof_by_attack.items()},
    )


def min_tdcf(bonafide: Floats, spoof: Floats, conditions: Conditions = DEFAULT) -> float | None:
    """Lowest normalised t-DCF by the 2019 plan; None without an ASV."""
    if (asv := conditions.asv) is None:
        return None
    c1 = P_TARGET * (COST_MISS - COST_MISS * asv.miss)
    c1 -= P_NONTARGET * COST_FALSE_ALARM * asv.false_alarm
    return _lowest(bonafide, spoof, 0.0, c1, _spoof_cost(asv))


def min_tdcf_2021(
    bonafide: Floats, spoof: Floats, conditions: Conditions = DEFAULT
) -> float | None:
    """Lowest normalised t-DCF by the 2021 plan; None without an ASV."""
    if (asv := conditions.asv) is None:
        return None
    c0 = P_TARGET * COST_MISS * asv.miss + P_NONTARGET * COST_FALSE_ALARM * asv.false_alarm
    return _lowest(bonafide, spoof, c0, P_TARGET * COST_MISS - c0, _spoof_cost(asv))


def _spoof_cost(asv: AsvErrorRates) -> float:
    return P_SPOOF * COST_FALSE_ALARM * (1 - asv.spoof_miss)


def _lowest(bonafide: Floats, spoof: Floats, c0: float, c1: float, c2: float) -> float | None:
    """None where the ASV is so bad that a countermeasure has no cost left to lower."""
    if min(c1, c2) <= 0:
        return None
    curve = error_curve(bonafide, spoof)
    cost = c0 + c1 * curve.misses + c2 * curve.false_alarms
    return float(np.min(cost) / (c0 + min(c1, c2)))
