"""The gate: leaks looked for, sets chosen, both detectors scored, the evidence judged."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flows.candidate.detector_folders import open_exported
from flows.evidence.keeping import keep_evidence
from flows.gate.choose_sets import choose_sets
from flows.gate.description import describe_candidate
from flows.gate.leaks import search_leaks
from flows.gate.measure_costs import measure_costs
from flows.gate.questions_judged import judged_before, keep_judged, question_of, repeated
from flows.gate.score_sets import score_sets
from flows.places import engine
from infra import comparisons, tracking
from infra.comparisons import Look
from infra.settings import settings
from models.data.clips import is_packed, open_clips
from models.data.dataset import SENTINEL
from models.errors import InputError
from models.evaluation.costs import Costs
from models.promotion import Calibrations, Decision, EvaluationSet, Evidence, Pair, Verdict, judge
from models.promotion.evaluation_sets import EVAL

if TYPE_CHECKING:
    from flows.evidence.case import Case
    from models.evaluation.scores import Scores
    from models.packaging.remembered import EmbeddingMemory
    from models.packaging.runtime import ExportedDetector
    from models.params.promotion import PromotionParams
    from models.params.tree import Params

log = logging.getLogger("antiphon.cycle")

_JUDGED = (EVAL, SENTINEL)  # the packed parts that judge


@dataclass(frozen=True)
class Contest:
    """A candidate before the gate, the champion it is compared with, and the clips that judge."""

    run_id: str
    candidate: Path  # a detector folder
    champion: Path | None
    prepared: Path  # packed clips
    params: Params
    drifted: bool = False
    eval_scores: Scores | None = None  # the candidate's, where they were made just now
    training_clips: Path | None = None  # packed clips of a candidate that was trained elsewhere
    memory: EmbeddingMemory | None = None  # of what backbones made of windows


def gather_evidence(contest: Contest) -> Evidence:
    """Both detectors on every evaluation set, scored now, and their costs.

    What they have learnt of the judged trials is looked for first.
    """
    params, prepared = contest.params, contest.prepared
    champion = {"champion": contest.champion} if contest.champion else {}
    folders = {"candidate": contest.candidate, **champion}
    parts = {name: open_clips(prepared, name) for name in _JUDGED if is_packed(prepared, name)}
    leaks = search_leaks(folders, parts, prepared, params.leakage, contest.training_clips)
    cache = settings().state_dir / "evaluation-sets"
    sets = choose_sets(parts, leaks.left_out, folders, params.evaluation_sets, cache)
    opener = contest.memory.open if contest.memory else open_exported
    detectors = {name: opener(folder) for name, folder in folders.items()}
    golden = _gives_golden(detectors["candidate"])
    pairs = score_sets(sets, detectors, leaks.notes, contest.eval_scores)
    if contest.memory:
        contest.memory.keep()
    trials = {pair.version: pair.trials for pair in pairs.values()}
    return Evidence(
        pairs,
        contest.drifted,
        _calibrations(detectors),
        Costs(*measure_costs(list(folders.values()))),
        golden,
        comparisons.spent(engine(), trials, besides=contest.run_id),
        params.evaluation,
        params.calibration.target,
    )


def _gives_golden(candidate: ExportedDetector) -> bool:
    try:
        candidate.check_golden()
    except InputError as error:
        log.error("golden vectors: %s", error)
        return False
    return True


def _calibrations(detectors: Mapping[str, ExportedDetector]) -> Calibrations | None:
    champion = detectors.get("champion")
    calibration = detectors["candidate"].calibration
    if calibration is None:
        return None
    return Calibrations(calibration, champion.calibration if champion else None)


def judge_run(case: Case, evidence: Evidence, rules: PromotionParams) -> Verdict:
    """Apply the gate, write its verdict on the candidate's run, and keep the evidence for it.

    The verdict comes first, so that an outage while evidence is kept does not lose it; what is
    then promoted has its evidence, else this raises. What was asked of each set is in the ledger of
    comparisons before anybody learns the answer. A question that was judged before gets the same
    verdict, and spends nothing if it was that of another run.
    """
    question = question_of(case, evidence, rules)
    before = judged_before(question)
    if before is None:
        verdict = judge(evidence, rules)
    else:
        evidence = replace(evidence, costs=before.verdict.costs, spent=before.spent)
        verdict = before.verdict if before.run_id == case.run_id else repeated(before)
    spends = before is None or before.run_id == case.run_id
    looks = [_look(name, pair, verdict, spends) for name, pair in evidence.sets.items()]
    comparisons.record_looks(engine(), case.run_id, verdict.decision.value, looks, case.cycle_id)
    keep_judged(question, case.run_id, verdict)
    answer = "rejected" if verdict.decision is Decision.REJECT else verdict.decision.value
    tracking.log_document(case.run_id, "verdict.json", verdict.to_json())
    tracking.set_tags(case.run_id, {"verdict": answer, "reason": verdict.reason})
    folder = keep_evidence(case, evidence, verdict)
    describe_candidate(case, verdict, folder)
    return verdict


def _look(name: EvaluationSet, pair: Pair, verdict: Verdict, spends: bool) -> Look:
    scores, budget = pair.candidate, verdict.budgets.get(name)
    return Look(
        name.value,
        pair.version,
        bonafide=scores.bonafide.size,
        spoof=scores.spoof.size,
        clusters=len(set(scores.clusters)),
        level=budget.spends if budget and spends else 0.0,
        trials=pair.trials,
    )
