"""The steps of the fast cycle: a champion whose last layer has learnt the new labels."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from prefect import task

from flows.adaptable import why_not_adaptable
from flows.candidate.detector_folders import embed_exported
from flows.candidate.evaluate import calibrate, write_evaluation
from flows.candidate.replayed import REPLAYED, replayed_rows
from flows.candidate.training_run import cycle_run, cycle_workspace
from flows.candidate.workspace import Workspace
from flows.closing import close
from flows.cycle import Candidate, Champion, CycleInputs, CycleOutcome
from flows.gate.judging import Contest, gather_evidence
from flows.places import current_params, embedding_memory, engine
from infra import ledger, tracking
from infra.ledger import RunningCycle
from infra.settings import settings
from models.data.clips import Clips, open_clips
from models.data.dataset import FIELD, corpus_of
from models.data.lessons import Lessons, read_lessons, write_lessons
from models.errors import InputError
from models.files.manifest import read_manifest, write_manifest
from models.packaging.last_layer import (
    Backbone,
    exchange_last_layer,
    read_backbone,
)
from models.packaging.remembered import EmbeddingMemory
from models.params.tree import Params, read_params
from models.promotion import Evidence
from models.training.refit.labelled import LabelledEmbeddings
from models.training.refit.probing import Probing
from models.training.refit.refitting import Refit, refit
from models.trials import Partition

if TYPE_CHECKING:
    from models.packaging.runtime import ExportedDetector

log = logging.getLogger("antiphon.cycle")

NOTHING_NEW = "no accepted field sample in train is new to the champion"


@dataclass(frozen=True)
class AdaptMaterial:
    """What a fast cycle works with, once the dataset is packed."""

    champion: Champion
    workspace: Workspace
    params: Params
    new: frozenset[int]  # rows of train that the champion has not learnt
    memory: EmbeddingMemory

    def clips(self, partition: Partition) -> Clips:
        """The packed clips of a partition: not a field, Prefect would walk through every trial."""
        return open_clips(self.workspace.pipeline / "prepared", partition)


@task
def end_without_labels(
    cycle: RunningCycle, inputs: CycleInputs, material: AdaptMaterial
) -> CycleOutcome | None:
    """Close a cycle that has nothing to learn from; None where there is something."""
    if material.new:
        return None
    outcome = CycleOutcome(
        outcome="unchanged",
        reason=f"{NOTHING_NEW} (version {material.champion.version})",
        cycle_id=cycle.id,
        path="fast",
        dataset=inputs.dataset,
        champion=material.champion.version,
    )
    return close(cycle, outcome)


@task
def gather_material(cycle: RunningCycle, inputs: CycleInputs) -> AdaptMaterial:
    """Pack the dataset in the cycle's workspace, as the full cycle would, and find what is new."""
    here, champion = settings(), _champion(inputs)
    workspace = cycle_workspace(cycle, inputs, here)
    environment = {**here.tool_environment(), **here.environment()}
    workspace.reproduce(lambda line: log.debug("dvc: %s", line), environment, ["prepare"])
    train = open_clips(workspace.pipeline / "prepared", Partition.TRAIN)
    new = _new_rows(train, read_lessons(champion.folder))
    params = read_params(workspace.folder / "params.yaml")
    memory = embedding_memory()
    log.info("%d of %d train clips are new to version %d", len(new), len(train), champion.version)
    return AdaptMaterial(champion, workspace, _without_attacks(params), new, memory)


@task
def adapt_candidate(cycle: RunningCycle, inputs: CycleInputs, material: AdaptMaterial) -> Candidate:
    """Refit the last layer, and write, calibrate and evaluate the detector, as one MLflow run."""
    here, champion, pipeline = settings(), material.champion, material.workspace.pipeline
    with cycle_run(material.workspace, cycle, here, "fast") as run_id:
        train = material.clips(Partition.TRAIN)
        result = _refit(material, train)
        _tell(run_id, result, train, material)
        detector = pipeline / "detector"
        shutil.rmtree(detector, ignore_errors=True)
        exchange_last_layer(champion.folder, result.layer, detector)
        learnt = zip(train.utterance_ids, train.attack_ids, strict=True)
        write_lessons(detector, {*read_lessons(champion.folder), *learnt})
        write_manifest(detector, read_manifest(detector))
        _evaluate(material)
    return Candidate(run_id, inputs.dataset, pipeline)


@task
def compare(candidate: Candidate, material: AdaptMaterial, champion: Champion | None) -> Evidence:
    """Score both now on the same sets; what their common backbone has made is made once."""
    contest = Contest(
        candidate.run_id,
        candidate.pipeline / "detector",
        champion.folder if champion else None,
        candidate.pipeline / "prepared",
        material.params,
        drifted=True,  # new labels asked for it: the newest trials decide
        training_clips=candidate.pipeline / "prepared",
        memory=material.memory,
    )
    return gather_evidence(contest)


def follow_up(cycle: RunningCycle, outcome: CycleOutcome) -> CycleOutcome:
    """Request a full cycle for labels that the last layer alone could not learn.

    Where the loop runs fast cycles by itself, nobody else would before the schedule does.
    """
    if outcome.outcome == "rejected" and current_params().retraining.fast:
        why = f"the fast cycle {cycle.id[:8]} was rejected: {outcome.reason}"
        ledger.request_cycle(engine(), "follow-up", why)
    return outcome


def _champion(inputs: CycleInputs) -> Champion:
    reason = why_not_adaptable(inputs.champion)
    if inputs.champion is None or reason is not None:  # another one since the cycle began
        raise InputError(reason or "")
    return inputs.champion


def _new_rows(train: Clips, lessons: Lessons) -> frozenset[int]:
    """Reviewed field samples of train that are not among the lessons."""
    keys = zip(train.utterance_ids, train.attack_ids, strict=True)
    return frozenset(
        row for row, key in enumerate(keys) if corpus_of(key[0]) == FIELD and key not in lessons
    )


def _without_attacks(params: Params) -> Params:
    """The gate's rules without clips attacked anew, which take longer than all the rest."""
    sets = params.evaluation_sets
    return replace(
        params,
        evaluation_sets=replace(sets, adversarial=replace(sets.adversarial, trials=0)),
    )


def _refit(material: AdaptMaterial, train: Clips) -> Refit:
    backbone = read_backbone(material.champion.folder)
    assert isinstance(backbone, Backbone)  # `_champion` has looked
    known = replayed_rows(train, material.new, material.params.training.seed)
    exported = material.memory.open(material.champion.folder)
    replay, new = (
        _embedded(exported, train.take(rows), name)
        for name, rows in (("hear replayed", known), ("hear new", sorted(material.new)))
    )
    manifest = read_manifest(material.champion.folder)
    return refit(backbone.layer, replay, new, Probing.named(manifest.detector, manifest.options))


def _embedded(exported: ExportedDetector, clips: Clips, progress: str) -> LabelledEmbeddings:
    return LabelledEmbeddings.of(embed_exported(exported, clips, progress), clips)


def _tell(run_id: str, result: Refit, train: Clips, material: AdaptMaterial) -> None:
    """What the layer learnt from and how it was chosen, as metrics of the run."""
    new = train.take(sorted(material.new))
    tracking.log_metrics(
        run_id,
        {
            "refit/new_bonafide": float(new.bonafide.sum()),
            "refit/new_spoof": float((~new.bonafide).sum()),
            "refit/replayed": float(min(len(train) - len(new), REPLAYED)),
            **{f"refit/{name}": figure for name, figure in result.figures.items()},
        },
    )
    if not result.moved:
        log.warning("no correction of the last layer was better on held-out labels: it stays")


def _evaluate(material: AdaptMaterial) -> None:
    """Calibrate on dev and report on eval, as the stages of the full cycle do."""
    pipeline = material.workspace.pipeline
    params, opener = material.params, material.memory.open
    detector = pipeline / "detector"
    calibrate(detector, material.clips(Partition.DEV), params, opener)
    write_evaluation(
        detector,
        material.clips(Partition.EVAL),
        params,
        pipeline / "evaluation",
        champion=material.champion.folder,
        opener=opener,
    )
