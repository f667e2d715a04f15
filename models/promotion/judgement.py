"""The decision: vetoes first, then superiority, then the error budget of the set."""

from __future__ import annotations

from collections.abc import Mapping

from models.errors import InputError
from models.evaluation.metrics.eer import eer
from models.evaluation.report import warnings_of
from models.params.promotion import PromotionParams
from models.promotion.alignment import Aligned, align, require_usable
from models.promotion.evidence import EvaluationSet, Evidence
from models.promotion.findings import comparison
from models.promotion.sample import few_clusters, sample_of
from models.promotion.superiority import deciding_sets, superiority
from models.promotion.verdict import Budget, Check, Decision, Finding, Superiority, Verdict
from models.promotion.vetoes import SEPARATE, golden_check, look
from models.promotion.wording import first_reason, reason

MAIN = (EvaluationSet.FROZEN, EvaluationSet.ROLLING)


def judge(evidence: Evidence, params: PromotionParams) -> Verdict:
    """Promote, reject, or let the candidate show itself in shadow.

    No veto may fail; then the EER must fall beyond chance on a set whose error budget lasts
    (promote), or plausibly (shadow). Without a champion the candidate's EER must be below
    `first_champion_max_eer`. docs/gate.md has the rules in full.

    Raises InputError where the two were not scored on the same trials of the same speakers, where a
    set lacks a class, and where a detector gives every trial the same score.
    """
    main = next((name for name in MAIN if name in evidence.sets), None)
    if main is None:
        raise InputError("a frozen or a rolling set expected, there is none")
    if evidence.sets[main].champion is None:
        return _first(evidence, main, params)
    lists = _aligned(evidence, main)
    sample = sample_of({name: lists[name] for name in MAIN if name in lists})
    sets, notes = deciding_sets(sample, evidence.drifted, params)
    shown = superiority(sample, sets, params)
    checks, attacks = look(sample, lists, evidence, params)
    budgets = _budgets(evidence, sets, params)
    saving = evidence.costs.saving if evidence.costs else 0.0
    margin = params.cheaper_margin if saving >= params.cheaper_saving else 0.0
    decision = _decide(shown, checks, budgets, margin, params)
    return Verdict(
        decision,
        reason(decision, shown, checks, budgets, margin, saving),
        shown,
        checks,
        {attack.question.name: comparison(attack, params.confidence) for attack in attacks},
        budgets,
        (*_warnings(lists, sets, params), *notes),
        evidence.costs,
    )


def _first(evidence: Evidence, main: EvaluationSet, params: PromotionParams) -> Verdict:
    candidate = evidence.sets[main].candidate
    require_usable(candidate, f"candidate on {main}")
    rate = eer(candidate.bonafide, candidate.spoof)
    golden = golden_check(evidence)
    accepted = rate < params.first_champion_max_eer and golden.finding is not Finding.FAILS
    return Verdict(
        Decision.PROMOTE if accepted else Decision.REJECT,
        first_reason(rate, params.first_champion_max_eer, golden),
        checks=(golden,),
        warnings=tuple(f"candidate: {warning}" for warning in warnings_of(candidate)),
        costs=evidence.costs,
        first_eer=rate,
    )


def _aligned(evidence: Evidence, main: EvaluationSet) -> dict[EvaluationSet, Aligned]:
    with_eer = (main, *SEPARATE)
    return {name: align(pair, name, name in with_eer) for name, pair in evidence.sets.items()}


def _budgets(
    evidence: Evidence, deciding: tuple[EvaluationSet, ...], params: PromotionParams
) -> dict[EvaluationSet, Budget]:
    """The error budgets of the sets, with what those that decide about superiority spend now."""
    return {
        name: Budget(
            pair.version,
            evidence.spent.get(pair.version, 0.0),
            params.direct_level if name in deciding else 0.0,
            params.error_budget,
        )
        for name, pair in evidence.sets.items()
    }


def _decide(
    shown: Superiority,
    checks: tuple[Check, ...],
    budgets: Mapping[EvaluationSet, Budget],
    margin: float,
    params: PromotionParams,
) -> Decision:
    if any(check.finding is Finding.FAILS for check in checks):
        return Decision.REJECT
    superior = shown.bound < margin
    if superior and not any(budget.worn_out for budget in budgets.values()):
        return Decision.PROMOTE
    plausible = superior or shown.share_below >= params.shadow_plausible
    if plausible and params.shadow_level > 0:  # else no label could ever promote it
        return Decision.SHADOW
    return Decision.REJECT


def _warnings(
    lists: Mapping[EvaluationSet, Aligned],
    deciding: tuple[EvaluationSet, ...],
    params: PromotionParams,
) -> tuple[str, ...]:
    """Warnings about the scores behind the EERs."""
    warnings = []
    for name in deciding:
        aligned = lists[name]
        for side, scores in (("champion", aligned.champion), ("candidate", aligned.candidate)):
            warnings += [f"{side}: {warning}" for warning in warnings_of(scores)]
    warnings += few_clusters([lists[name] for name in deciding], params.min_clusters)
    return tuple(dict.fromkeys(warnings))  # two sets may tell the same
