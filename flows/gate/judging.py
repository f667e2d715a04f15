"""The gate: evidence, verdict, and the folder that enters the registry."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from flows.candidate.detector_folders import open_exported
from flows.candidate.evaluate import REPORT
from flows.gate.learnt import search_learnt
from flows.gate.measure_costs import measure_costs
from flows.gate.score_sets import judged_parts, open_judges, pair_up, score_parts
from flows.places import engine
from infra import comparisons
from infra.comparisons import Look
from infra.settings import settings
from models.errors import InputError
from models.evaluation.costs import Costs
from models.files.manifest import REFERENCE, read_manifest, write_manifest
from models.promotion import Calibrations, Decision, EvaluationSet, Evidence, Pair, Verdict, judge

if TYPE_CHECKING:
    from flows.evidence.case import Case
    from models.evaluation.scores import Scores
    from models.packaging.runtime import ExportedDetector
    from models.params.promotion import PromotionParams
    from models.params.tree import Params

log = logging.getLogger("antiphon.cycle")


def gather_evidence(
    run_id: str,
    candidate: Path,
    champion: Path | None,
    prepared: Path,
    params: Params,
    *,
    drifted: bool = False,
    scores: Scores | None = None,
    heard: Path | None = None,
) -> Evidence:
    """Both detector folders on every evaluation set in `prepared`, scored now, and their costs.

    What they have learnt of the judged trials is looked for first. `scores` are the candidate's of
    eval where they were just made, `heard` the packed clips of a candidate trained elsewhere.
    """
    folders = {"candidate": candidate} | ({"champion": champion} if champion else {})
    learnt = search_learnt(folders, prepared, judged_parts(prepared), params.leakage, heard)
    kept = settings().state_dir / "evaluation-sets"
    judges = open_judges(prepared, champion, params, kept, learnt.left_out)
    opened = {who: open_exported(folder) for who, folder in folders.items()}
    golden = _gives_golden(opened["candidate"])
    ours = score_parts("candidate", opened["candidate"], judges, scores)
    theirs = score_parts("champion", opened["champion"], judges) if champion else None
    pairs = pair_up(judges, ours, theirs)
    spent = comparisons.spent(engine(), [pair.version for pair in pairs.values()], besides=run_id)
    return Evidence(
        _with_notes(pairs, learnt.notes),
        drifted,
        _calibrations(opened),
        Costs(*measure_costs(list(folders.values()))),
        golden,
        spent,
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


def _calibrations(opened: Mapping[str, ExportedDetector]) -> Calibrations | None:
    champion = opened.get("champion")
    own = opened["candidate"].calibration
    return Calibrations(own, champion.calibration if champion else None) if own else None


def _with_notes(
    pairs: Mapping[EvaluationSet, Pair], notes: Mapping[str, tuple[str, ...]]
) -> dict[EvaluationSet, Pair]:
    """The pairs, with what readers must be told on those that may decide."""
    told = dict(pairs)
    for name in pairs.keys() & {EvaluationSet.FROZEN, EvaluationSet.ROLLING}:
        pair = pairs[name]
        candidate = replace(pair.candidate, notes=notes["candidate"])
        champion = pair.champion and replace(pair.champion, notes=notes["champion"])
        told[name] = replace(pair, candidate=candidate, champion=champion)
    return told


def judge_run(case: Case, evidence: Evidence, rules: PromotionParams) -> Verdict:
    """Apply the gate, write its verdict on the candidate's run, and keep the evidence for it.

    The verdict comes first, so that an outage while evidence is kept does not lose it; what is
    then promoted has its evidence, else this raises. What was asked of each set is in the ledger of
    comparisons before anybody learns the answer.
    """
    from flows.evidence.keeping import keep_evidence
    from infra import tracking

    verdict = judge(evidence, rules)
    looks = [_look(name, pair, verdict) for name, pair in evidence.sets.items()]
    comparisons.record_looks(engine(), case.run_id, verdict.decision.value, looks, case.cycle_id)
    answer = "rejected" if verdict.decision is Decision.REJECT else verdict.decision.value
    tracking.log_document(case.run_id, "verdict.json", verdict.to_json())
    tracking.set_tags(case.run_id, {"verdict": answer, "reason": verdict.reason})
    keep_evidence(case, evidence, verdict)
    return verdict


def _look(name: EvaluationSet, pair: Pair, verdict: Verdict) -> Look:
    scores, budget = pair.candidate, verdict.budgets.get(name)
    return Look(
        name.value,
        pair.version,
        bonafide=scores.bonafide.size,
        spoof=scores.spoof.size,
        clusters=len(set(scores.clusters)),
        level=budget.spends if budget else 0.0,
    )


def assemble(detector: Path, evaluation: Path, folder: Path) -> None:
    """Make the folder that is registered: a calibrated detector with its report and reference."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(detector, folder)
    for name in (REFERENCE, REPORT):
        shutil.copy(evaluation / name, folder / name)
    write_manifest(folder, read_manifest(folder))
