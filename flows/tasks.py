"""The steps of the flows: each joins models, monitoring and infra in a few lines."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict
from pathlib import Path

from prefect import task

from flows import audit_trail
from flows.candidate.training_run import cycle_workspace, run_stages
from flows.candidate.workspace import code_hash
from flows.closing import close
from flows.cycle import Candidate, Champion, CycleInputs, CycleOutcome, CyclePath
from flows.evidence.gathering import case_of_cycle
from flows.field.field_corpus import put_field_samples
from flows.field.suspects import hold_suspects
from flows.gate.judging import Contest, gather_evidence, judge_run
from flows.gate_loop import GateResult
from flows.places import current_params, embedding_memory, engine, fetch_champion
from flows.rollout.registration import assemble, register_version
from flows.rollout.rollout import Rollout, complete_rollouts, hand_over
from flows.rollout.rollout import run_in_shadow as become_challenger
from infra import ledger
from infra.datasets.registry import DatasetRegistry
from infra.ledger import RunningCycle
from infra.past_cycles import answered_before
from infra.settings import settings
from infra.storage import open_store
from models.files.manifest import MANIFEST, file_hash, read_manifest
from models.fronts.locating import content_hash, require_fetched
from models.params.promotion import PromotionParams
from models.params.tree import Params
from models.promotion import Evidence, Verdict

log = logging.getLogger("antiphon.cycle")


@task
def snapshot_dataset() -> str:
    """The dataset version with every accepted field sample in it that no check holds."""
    here, params = settings(), current_params()
    hold_suspects(engine(), open_store(here), params.review)
    revision = put_field_samples(engine(), open_store(here), DatasetRegistry.of(here), params.data)
    log.info("dataset version %s", revision[:10])
    return revision


@task(retries=2, retry_delay_seconds=5)
def current_champion() -> Champion | None:
    """The champion with its folder; None where there is none, UnreachableError where unknown.

    An earlier winner that waits for the endpoint becomes the champion first, where it answers now.
    """
    complete_rollouts()
    audit_trail.look_for_foreign_moves()
    return fetch_champion()


@task
def gather_inputs(dataset: str, champion: Champion | None, path: CyclePath = "full") -> CycleInputs:
    """What a verdict depends on, with a hash by which the same inputs are recognised."""
    params = current_params()
    if path == "full":
        _require_fronts(params, champion)
    parts = {
        **({} if path == "full" else {"path": path}),
        "dataset": DatasetRegistry.of(settings()).content(dataset),
        "params": asdict(params),
        "pretrained": content_hash(params.pretrained),
        "code": code_hash(),
        "champion": file_hash(champion.folder / MANIFEST) if champion else None,
    }
    text = json.dumps(parts, sort_keys=True)
    return CycleInputs(dataset, champion, hashlib.sha256(text.encode()).hexdigest(), path)


def _require_fronts(params: Params, champion: Champion | None) -> None:
    """Raise InputError before anything is prepared where a front's weights are needed and not here.

    A training from the champion has them in the champion's folder.
    """
    starts = champion.folder if champion and params.training.initial == "champion" else None
    if starts is None or read_manifest(starts).detector != params.detector.name:
        require_fetched(params.pretrained)


@task
def end_unchanged(cycle: RunningCycle, inputs: CycleInputs) -> CycleOutcome | None:
    """Close a cycle whose inputs an earlier one had; None if there is none, or it is forced."""
    if any(request.trigger == "forced" for request in cycle.requests):
        return None
    earlier = answered_before(engine(), inputs.sha256)
    if earlier is None:
        return None
    before = (earlier.summary or {}).get("reason", "")
    outcome = CycleOutcome(
        outcome="unchanged",
        reason=f"dataset, params, code and champion are those of cycle {earlier.id[:8]} "
        f"of {earlier.started_at:%Y-%m-%d}, which ended as {earlier.outcome} ({before}); "
        "`antiphon retrain --force` runs it again",
        cycle_id=cycle.id,
        inputs=inputs.sha256,
        path=inputs.path,
        dataset=inputs.dataset,
        champion=inputs.champion.version if inputs.champion else None,
    )
    return close(cycle, outcome)


@task
def train_candidate(cycle: RunningCycle, inputs: CycleInputs) -> Candidate:
    """Run the stages that changed in the cycle's own workspace, as one MLflow run."""
    here = settings()
    workspace = cycle_workspace(cycle, inputs, here)
    run_id = run_stages(workspace, cycle, here)
    return Candidate(run_id, inputs.dataset, workspace.pipeline)


@task
def compare(
    cycle: RunningCycle, candidate: Candidate, params: Params, champion: Champion | None
) -> Evidence:
    """Score both now, on the same evaluation sets, through the graphs that production runs.

    What the candidate's backbone makes of them is remembered for the fast cycles that may follow.
    """
    contest = Contest(
        candidate.run_id,
        candidate.pipeline / "detector",
        champion.folder if champion else None,
        candidate.pipeline / "prepared",
        params,
        drifted=any(request.trigger == "drift" for request in cycle.requests),
        memory=embedding_memory(),
    )
    return gather_evidence(contest)


@task
def judge_candidate(
    cycle: RunningCycle,
    candidate: Candidate,
    rules: PromotionParams,
    champion: Champion | None,
    evidence: Evidence,
) -> Verdict:
    """Apply the gate, write its verdict on the candidate's run, and keep the evidence for it."""
    return judge_run(case_of_cycle(cycle, candidate, champion, rules), evidence, rules)


@task(retries=2, retry_delay_seconds=5)
def register(cycle: RunningCycle, candidate: Candidate) -> int:
    """Put a winner into the registry; the same run is the same version."""
    ledger.heartbeat(engine(), cycle)  # a superseded cycle writes nothing
    folder = candidate.pipeline / "registered"
    assemble(candidate.pipeline / "detector", candidate.pipeline / "evaluation", folder)
    tags = {"dataset": candidate.dataset, "cycle": cycle.id}
    return register_version(folder, candidate.run_id, tags, cycle.actor)


@task
def roll_out(cycle: RunningCycle, version: int, champion: Champion | None) -> Rollout | None:
    """Move the alias and see the endpoint answer with it, or move it back."""
    ledger.heartbeat(engine(), cycle)
    return hand_over(version, champion.version if champion else None, cycle.actor)


@task
def run_in_shadow(
    cycle: RunningCycle, rules: PromotionParams, version: int, champion: Champion
) -> Rollout | None:
    """Let the version hear what the champion hears."""
    ledger.heartbeat(engine(), cycle)
    return become_challenger(version, champion.version, rules, cycle.actor)


@task
def conclude(
    cycle: RunningCycle, inputs: CycleInputs, candidate: Candidate, result: GateResult
) -> CycleOutcome:
    """Close the cycle in the ledger and tell what came of it."""
    outcome = CycleOutcome(
        outcome=result.outcome,
        reason=result.reason,
        cycle_id=cycle.id,
        inputs=inputs.sha256 if result.champion == inputs.champion else None,
        path=inputs.path,
        run_id=candidate.run_id,
        dataset=candidate.dataset,
        verdict=result.verdict.to_json(),
        **result.facts(),
    )
    return close(cycle, outcome)


def params_of(candidate: Candidate) -> Path:
    """The params.yaml that the candidate was made with."""
    return candidate.pipeline.parent / "params.yaml"
