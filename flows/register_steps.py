"""The steps of `antiphon register`: a detector folder in hand, made ready for the gate."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.actor import person
from flows.candidate.evaluate import calibrate, write_evaluation
from flows.candidate.packing import pack_partitions, pack_trials
from flows.candidate.training_run import code_tags, keep_evaluation
from flows.cycle import Candidate, Champion
from flows.evidence.gathering import case_of_folder
from flows.gate.judging import Contest, gather_evidence, judge_run
from flows.gate.leaks import guard
from flows.gate_loop import GateResult
from flows.rollout import rollout
from flows.rollout.approval import promote
from flows.rollout.registration import assemble, register_version
from flows.rollout.rollout import Rollout
from infra import tracking
from infra.datasets.registry import DatasetRegistry
from infra.settings import settings
from models.data.clips import Clips, open_clips
from models.data.dataset import SENTINEL, read_sentinel
from models.evaluation.scores import Scores
from models.files.manifest import Manifest, read_manifest
from models.params.promotion import PromotionParams
from models.params.tree import Params
from models.promotion import Evidence, Verdict
from models.trials import Partition

_DECIDING = ("data", "leakage", "calibration", "evaluation", "evaluation_sets", "promotion")


@dataclass(frozen=True)
class Submission:
    """A detector folder in hand, and the corpus that it is to be judged on."""

    weights: Path
    protocol: str
    root: Path  # of the corpus: dev calibrates, eval judges
    training_clips: Path | None = None  # packed clips it was trained on: eval may hold copies


@dataclass(frozen=True)
class Registration:
    """What became of a detector folder before the gate, and the MLflow run that tells of it."""

    run_id: str
    result: GateResult

    def to_json(self) -> dict[str, Any]:
        """The verdict as `antiphon compare` gives it, and where to look further."""
        facts = self.result.facts()
        return {
            **self.result.verdict.to_json(),
            "champion": facts["champion"],
            "version": facts["version"],
            "run_id": self.run_id,
            "rollout": facts["rollout"],
        }


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder for the time of the work, on the disk of the state folder: audio takes space."""
    state = settings().state_dir
    state.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=state, prefix="register-") as name:
        yield Path(name)


def pack_judged(submission: Submission, params: Params, folder: Path) -> tuple[Clips, Clips]:
    """Dev and eval, without the clips of dev that give away eval; sentinels are packed beside."""
    partitions = (Partition.DEV, Partition.EVAL)
    pack_partitions(submission.protocol, submission.root, params.data, partitions, folder)
    _pack_sentinel(folder, params)
    guard(folder, params.leakage)
    return open_clips(folder, Partition.DEV), open_clips(folder, Partition.EVAL)


def _pack_sentinel(folder: Path, params: Params) -> None:
    """Pack the sentinel corpora, where the dataset registry holds them."""
    names = params.evaluation_sets.sentinel
    registry = DatasetRegistry.of(settings()) if names else None
    if registry is None or not set(names) <= set(registry.corpora()):
        return  # the set is reported absent
    with registry.data(registry.head()) as data:
        trials = read_sentinel(data, names, params.data)
        pack_trials(SENTINEL, trials, folder, progress=False)


@contextmanager
def tracked(submission: Submission, eval_clips: Clips, params: Params) -> Iterator[str]:
    """An MLflow run with what the verdict depends on; its id."""
    weights, root = submission.weights.absolute(), str(submission.root.absolute())
    tags = {"triggers": "register", "detector_folder": str(weights), **code_tags()}
    key = f"register-{uuid.uuid4()}"
    with tracking.running(key, f"register-{weights.name}", tags) as run_id:
        tracking.log_params(run_id, _deciding(params, read_manifest(submission.weights)))
        version = eval_clips.trials_hash
        tracking.log_dataset(run_id, submission.protocol, version, root, "evaluation")
        yield run_id


def _deciding(params: Params, manifest: Manifest) -> dict[str, Any]:
    """The params that a verdict without training depends on."""
    return {
        "detector": {"name": manifest.detector, "options": dict(manifest.options)},
        "window": asdict(manifest.window),
        **{name: asdict(getattr(params, name)) for name in _DECIDING},
    }


def evaluate(
    candidate: Candidate,
    weights: Path,
    dev: Clips,
    eval_clips: Clips,
    champion: Champion | None,
    params: Params,
) -> Scores:
    """Calibrate a copy of the folder on dev and report on eval; its scores of eval."""
    detector, evaluation = candidate.pipeline / "detector", candidate.pipeline / "evaluation"
    shutil.copytree(weights, detector)
    calibrate(detector, dev, params)
    before = champion.folder if champion else None
    scores = write_evaluation(detector, eval_clips, params, evaluation, champion=before)
    keep_evaluation(candidate.run_id, evaluation)
    assemble(detector, evaluation, _assembled(candidate))
    return scores


def _assembled(candidate: Candidate) -> Path:
    return candidate.pipeline / "registered"


def compare(
    candidate: Candidate,
    submission: Submission,
    scores: Scores,
    params: Params,
    champion: Champion | None,
) -> Evidence:
    """Score both on the same evaluation sets; the scores of eval are those just made."""
    contest = Contest(
        candidate.run_id,
        _assembled(candidate),
        champion.folder if champion else None,
        candidate.pipeline / "prepared",
        params,
        eval_scores=scores,
        training_clips=submission.training_clips,
    )
    return gather_evidence(contest)


def judge(
    candidate: Candidate,
    submission: Submission,
    began: datetime,
    params: Params,
    champion: Champion | None,
    evidence: Evidence,
) -> Verdict:
    """Apply the gate, write its verdict on the run, and keep the evidence for it."""
    case = case_of_folder(
        champion,
        folder=_assembled(candidate),
        run_id=candidate.run_id,
        named=submission.weights,
        trials=candidate.dataset,
        params=params,
        began=began,
    )
    return judge_run(case, evidence, params.promotion)


def register(candidate: Candidate) -> int:
    """Put the folder into the registry."""
    tags = {"dataset": candidate.dataset}
    return register_version(_assembled(candidate), candidate.run_id, tags, person())


def roll_out(
    rules: PromotionParams, version: int, champion: Champion | None, verdict: Verdict
) -> Rollout | None:
    """Move the alias, or let the version wait for a person."""
    return promote(version, champion.version if champion else None, rules, verdict.reason, person())


def run_in_shadow(rules: PromotionParams, version: int, champion: Champion) -> Rollout | None:
    """Let the version hear what the champion hears."""
    return rollout.run_in_shadow(version, champion.version, rules)
