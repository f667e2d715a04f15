"""The gate: may a candidate take the champion's place?

Every difference is candidate − champion: below zero, the candidate errs less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from models.bootstrap import Ints, TrialList, resample_eers
from models.errors import InputError
from models.metrics.conditions import Floats
from models.metrics.eer import eer
from models.promotion.evidence import EvaluationSet, Evidence
from models.promotion.verdict import (
    Budget,
    Check,
    Comparison,
    Decision,
    Finding,
    Superiority,
    Verdict,
)
from models.promotion_params import PromotionParams
from models.report import warnings_of
from models.scores import Scores
from models.trials import Label

FEW_CLUSTERS = 10  # of a class: with fewer, a percentile interval is known to be too narrow
_POOLED = ""  # beside the attacks, none of which is without a name


def judge(evidence: Evidence, params: PromotionParams) -> Verdict:
    """Promote a candidate whose EER is lower beyond chance, if no attack pays for it.

    Without a champion the candidate's EER must be below `first_champion_max_eer`. With one, the
    whole interval of the EER difference, two-sided at `confidence` by a paired bootstrap over
    clusters, must lie below zero; and of no attack with `min_attack_trials` spoofs or more may the
    whole interval lie above `max_attack_regression`. For a candidate that saves `cheaper_saving` of
    the champion's latency or size, `cheaper_margin` takes the place of that zero.
    Raises InputError where the two were not scored on the same trials.
    """
    pair = evidence.sets[EvaluationSet.FROZEN]
    candidate = pair.candidate
    candidate.require_both_classes("candidate")
    if pair.champion is None:
        return replace(_first(candidate, params), costs=evidence.costs)
    champion = _aligned(pair.champion, candidate)
    clusters, warnings = _clusters(champion, candidate)
    comparisons, share_below = _compare(champion, candidate, clusters, params)
    pooled = comparisons.pop(_POOLED)
    vetoing = {name: attack for name, attack in comparisons.items() if _vetoes(attack, params)}
    saving = evidence.costs.saving if evidence.costs else 0.0
    margin = params.cheaper_margin if saving >= params.cheaper_saving else 0.0
    promoted = pooled.interval[1] < margin and not vetoing
    spent = evidence.spent.get(pair.version, 0.0)
    return Verdict(
        Decision.PROMOTE if promoted else Decision.REJECT,
        _reason(pooled, vetoing, params, margin, saving),
        Superiority(
            EvaluationSet.FROZEN.value,
            pooled.eer_champion,
            pooled.eer_candidate,
            pooled.difference,
            (1 - params.confidence) / 2,
            pooled.interval[1],
            pooled.interval,
            params.confidence,
            share_below,
        ),
        tuple(
            Check(
                "attack",
                name,
                Finding.FAILS if name in vetoing else Finding.HOLDS,
                "",
                attack.eer_champion,
                attack.eer_candidate,
                attack.difference,
                trials=attack.trials,
            )
            for name, attack in comparisons.items()
        ),
        comparisons,
        {
            EvaluationSet.FROZEN: Budget(
                pair.version, spent, params.direct_level, params.error_budget
            )
        },
        warnings=(
            *(f"champion: {warning}" for warning in warnings_of(champion)),
            *(f"candidate: {warning}" for warning in warnings_of(candidate)),
            *warnings,
        ),
        costs=evidence.costs,
    )


def _first(candidate: Scores, params: PromotionParams) -> Verdict:
    rate, bound = eer(candidate.bonafide, candidate.spoof), params.first_champion_max_eer
    relation = "below" if rate < bound else "not below"
    reason = (
        f"there is no champion yet, and an EER of {_percent(rate)} is {relation} the bound "
        f"of {_percent(bound)} for the first"
    )
    warnings = tuple(f"candidate: {warning}" for warning in warnings_of(candidate))
    decision = Decision.PROMOTE if rate < bound else Decision.REJECT
    return Verdict(decision, reason, warnings=warnings, first_eer=rate)


def _aligned(champion: Scores, candidate: Scores) -> Scores:
    """The champion's scores in the order of the candidate's trials."""
    if champion.trials_hash != candidate.trials_hash:
        ours, theirs = set(champion.keys), set(candidate.keys)
        raise InputError(
            "champion and candidate must be scored on the same trials with the same keys: "
            f"{len(ours - theirs):,} of {len(ours):,} are the champion's alone, "
            f"{len(theirs - ours):,} of {len(theirs):,} the candidate's alone"
        )
    position = {name: row for row, name in enumerate(champion.utterance_ids)}
    rows = np.array([position[name] for name in candidate.utterance_ids])
    return replace(
        champion,
        utterance_ids=candidate.utterance_ids,
        attack_ids=candidate.attack_ids,
        cm_scores=champion.cm_scores[rows],
        clusters=tuple(champion.clusters[row] for row in rows),
    )


def _clusters(champion: Scores, candidate: Scores) -> tuple[Ints, tuple[str, ...]]:
    """The cluster (trials,) of each trial as a number, and what is wrong with them."""
    names = np.array(_agreed_clusters(champion, candidate))
    warnings = []
    for label, mask in (
        (Label.BONAFIDE, candidate.is_bonafide),
        (Label.SPOOF, ~candidate.is_bonafide),
    ):
        found = np.unique(names[mask]).size
        if found < FEW_CLUSTERS:
            warnings.append(
                f"{label} trials come from {found} speakers or sources only: the interval is "
                "narrower than it ought to be"
            )
        if found == 1:  # drawing one cluster again and again would show no chance at all
            names = np.where(mask, np.array(candidate.utterance_ids), names)
    return np.unique(names, return_inverse=True)[1].astype(np.int64), tuple(warnings)


def _agreed_clusters(champion: Scores, candidate: Scores) -> Sequence[str]:
    if champion.clusters == candidate.clusters or champion.clusters == champion.utterance_ids:
        return candidate.clusters
    if candidate.clusters == candidate.utterance_ids:
        return champion.clusters
    raise InputError("champion and candidate must name the same speakers for the same trials")


def _compare(
    champion: Scores, candidate: Scores, clusters: Ints, params: PromotionParams
) -> tuple[dict[str, Comparison], float]:
    groups = {_POOLED: np.flatnonzero(~candidate.is_bonafide), **candidate.attack_rows()}
    eers = resample_eers(
        (champion.cm_scores, candidate.cm_scores),
        TrialList(candidate.is_bonafide, clusters, groups),
        params.resamples,
        params.seed,
    )
    comparisons = {}
    for name, rows in groups.items():
        by_champion = eer(champion.bonafide, champion.cm_scores[rows])
        by_candidate = eer(candidate.bonafide, candidate.cm_scores[rows])
        interval = _interval(eers[name][1] - eers[name][0], params.confidence)
        comparisons[name] = Comparison(
            by_champion, by_candidate, by_candidate - by_champion, interval, rows.size
        )
    pooled = eers[_POOLED]
    return comparisons, float(np.mean(pooled[1] < pooled[0]))


def _interval(differences: Floats, confidence: float) -> tuple[float, float]:
    """The middle `confidence` of resampled differences; draws without the attack say nothing."""
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(differences, (tail, 1 - tail))
    return float(low), float(high)


def _vetoes(attack: Comparison, params: PromotionParams) -> bool:
    enough = attack.trials >= params.min_trials
    return enough and attack.interval[0] > params.margins.attack


def _reason(
    pooled: Comparison,
    vetoes: Mapping[str, Comparison],
    params: PromotionParams,
    margin: float,
    saving: float,
) -> str:
    low, high = (f"{100 * bound:+.2f}" for bound in pooled.interval)
    interval = f"the {100 * params.confidence:g} % interval is {low} to {high} points"
    change = f"{_percent(pooled.eer_champion)} to {_percent(pooled.eer_candidate)}"
    if pooled.interval[1] >= margin:
        within = f", {100 * margin:g} are allowed to a cheaper one" if margin else ""
        return f"the EER does not fall beyond chance: from {change}, {interval}{within}"
    falls = pooled.interval[1] < 0
    if not vetoes:
        found = (
            "the EER falls beyond chance"
            if falls
            else f"{100 * saving:.0f} % is saved, and the EER does not rise beyond the margin of "
            f"{100 * margin:g} points"
        )
        return f"{found}: from {change}, {interval}"
    rises = (
        f"attack {name} rises from {_percent(attack.eer_champion)} to "
        f"{_percent(attack.eer_candidate)}"
        for name, attack in vetoes.items()
    )
    bound = 100 * params.margins.attack
    way = "falls" if falls else "goes"
    return (
        f"the EER {way} from {change}, but {', '.join(rises)}: more than {bound:g} points "
        "beyond chance"
    )


def _percent(rate: float) -> str:
    return f"{100 * rate:.2f} %"
