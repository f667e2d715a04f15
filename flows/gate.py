"""The gate: evidence, verdict, and the folder that enters the registry."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from flows.costs import measure_costs
from flows.detector_folders import open_exported
from flows.evaluation import REPORT
from flows.exported_scores import score_exported
from models.costs import Costs
from models.manifest import REFERENCE, read_manifest, write_manifest
from models.promotion import Decision, EvaluationSet, Evidence, Pair, Verdict, judge

if TYPE_CHECKING:
    from flows.evidence.case import Case
    from models.clips import Clips
    from models.promotion_params import PromotionParams
    from models.scores import Scores


def gather_evidence(
    candidate: Path, scores: Scores, champion: Path | None, clips: Clips
) -> Evidence:
    """The candidate's scores of `clips` beside those of a champion's folder, made now.

    What both cost on this machine is measured too.
    """
    if champion is None:
        return Evidence(
            {EvaluationSet.FROZEN: Pair(scores, None)}, costs=Costs(*measure_costs([candidate]))
        )
    exported = open_exported(champion)
    costs = Costs(*measure_costs([candidate, champion]))
    beside = score_exported(exported, clips, progress="score the champion")
    return Evidence({EvaluationSet.FROZEN: Pair(scores, beside)}, costs=costs)


def judge_run(case: Case, evidence: Evidence, rules: PromotionParams) -> Verdict:
    """Apply the gate, write its verdict on the candidate's run, and keep the evidence for it.

    The verdict comes first, so that an outage while evidence is kept does not lose it; what is
    then promoted has its evidence, else this raises.
    """
    from flows.evidence.keeping import keep_evidence
    from infra import tracking

    verdict = judge(evidence, rules)
    answer = "rejected" if verdict.decision is Decision.REJECT else verdict.decision.value
    tracking.log_document(case.run_id, "verdict.json", verdict.to_json())
    tracking.set_tags(case.run_id, {"verdict": answer, "reason": verdict.reason})
    keep_evidence(case, evidence, verdict)
    return verdict


def assemble(detector: Path, evaluation: Path, folder: Path) -> None:
    """Make the folder that is registered: a calibrated detector with its report and reference."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(detector, folder)
    for name in (REFERENCE, REPORT):
        shutil.copy(evaluation / name, folder / name)
    write_manifest(folder, read_manifest(folder))
