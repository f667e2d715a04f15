"""A detector folder in hand before the gate: the same one that a cycle's candidate faces."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import audit_trail
from flows.candidate.detector_folders import open_exported
from flows.candidate.evaluate import calibrate, write_evaluation
from flows.candidate.packing import pack_partitions
from flows.candidate.training_run import code_tags, keep_evaluation
from flows.cycle import Champion
from flows.evidence.gathering import case_of_folder
from flows.gate.judging import Contest, gather_evidence, judge_run
from flows.gate.leaks import guard
from flows.places import current_params, fetch_champion
from flows.rollout.registration import assemble
from flows.rollout.rollout import Rollout, RolloutState, hand_over, run_in_shadow
from infra import registry, tracking
from infra.datasets import DatasetRegistry
from infra.settings import settings
from models.audio.reading import read_audio
from models.compute.cores import decoding_processes
from models.data.clips import open_clips, pack
from models.data.dataset import SENTINEL, read_sentinel
from models.files.manifest import Manifest
from models.params.tree import Params
from models.promotion import Decision, Verdict
from models.trials import Partition

if TYPE_CHECKING:
    from flows.evidence.case import Case

_DECIDING = ("data", "leakage", "calibration", "evaluation", "evaluation_sets", "promotion")


@dataclass(frozen=True)
class Registration:
    """What became of a detector folder before the gate."""

    run_id: str
    champion: int | None  # the version it was compared with
    verdict: Verdict
    version: int | None = None  # that it was registered as
    rollout: Rollout | None = None

    @property
    def promoted(self) -> bool:
        """Whether it is the champion now."""
        known = (RolloutState.ANSWERS, RolloutState.ABSENT)
        return self.rollout is not None and self.rollout.state in known

    def to_json(self) -> dict[str, Any]:
        """The verdict as `antiphon compare` gives it, and where to look further."""
        return {
            **self.verdict.to_json(),
            "champion": self.champion,
            "version": self.version,
            "run_id": self.run_id,
            "rollout": self.rollout.sentence if self.rollout else None,
        }


def register_folder(
    weights: Path, protocol: str, root: Path, learnt: Path | None = None
) -> Registration:
    """Calibrate a copy of a detector folder on dev, judge it on eval, register it if it wins.

    The folder itself gets its graph where it has none and is not changed otherwise. Eval is
    searched for what it gives away to dev and to `learnt`, the packed clips it was trained on.
    Raises InputError for a folder or corpus that cannot be used; nothing is registered then.
    """
    began = datetime.now(UTC)
    params = current_params()
    champion = fetch_champion()  # an outage is told before the work
    manifest = open_exported(weights).manifest
    tags = {"triggers": "register", "detector_folder": str(weights.absolute()), **code_tags()}
    with _workplace() as place:
        prepared = place / "prepared"
        judged = (Partition.DEV, Partition.EVAL)
        pack_partitions(protocol, root, params.data, judged, prepared)
        _pack_sentinel(prepared, params)
        guard(prepared, params.leakage)
        dev, eval_clips = (open_clips(prepared, name) for name in judged)
        key = f"register-{uuid.uuid4()}"
        with tracking.running(key, f"register-{weights.absolute().name}", tags) as run_id:
            tracking.log_params(run_id, _deciding(params, manifest))
            version = eval_clips.trials_hash
            tracking.log_dataset(run_id, protocol, version, str(root.absolute()), "evaluation")
            shutil.copytree(weights, place / "detector")
            calibrate(place / "detector", dev, params)
            scores = write_evaluation(
                place / "detector",
                eval_clips,
                params,
                place / "evaluation",
                champion=champion.folder if champion else None,
            )
            keep_evaluation(run_id, place / "evaluation")
            assemble(place / "detector", place / "evaluation", place / "registered")
            contest = Contest(
                run_id,
                place / "registered",
                champion=None,
                prepared=prepared,
                params=params,
                eval_scores=scores,
                training_clips=learnt,
            )
            case_against = partial(
                case_of_folder,
                folder=place / "registered",
                run_id=run_id,
                named=weights,
                trials=version,
                params=params,
                began=began,
            )
            return _through_the_gate(
                case_against, place / "registered", contest, version, champion, params
            )


def _through_the_gate(
    case_against: Callable[[Champion | None], Case],
    folder: Path,
    contest: Contest,
    dataset: str,
    champion: Champion | None,
    params: Params,
) -> Registration:
    """Judge against the champion, and again where somebody moves the alias meanwhile."""
    while True:
        folder_before = champion.folder if champion else None
        evidence = gather_evidence(replace(contest, champion=folder_before))
        case = case_against(champion)
        verdict, run_id = judge_run(case, evidence, params.promotion), case.run_id
        compared = champion.version if champion else None
        if verdict.decision is Decision.REJECT:
            return Registration(run_id, compared, verdict)
        version = registry.register(folder, run_id, {"dataset": dataset})
        audit_trail.registered(version, folder, case.actor)
        if verdict.promote or compared is None:
            rollout = hand_over(version.version, compared, case.actor)
        else:
            rollout = run_in_shadow(version.version, compared, params.promotion, case.actor)
        if rollout is not None:
            return Registration(run_id, compared, verdict, version.version, rollout)
        champion = fetch_champion()


def _pack_sentinel(folder: Path, params: Params) -> None:
    """Pack the sentinel corpora, where the dataset registry holds them."""
    names = params.evaluation_sets.sentinel
    held = DatasetRegistry.of(settings()) if names else None
    if held is None or not set(names) <= set(held.corpora()):
        return  # the set is reported absent
    trials = read_sentinel(held.root / "data", names, params.data)
    pack(trials, read_audio, folder, SENTINEL, processes=decoding_processes(len(trials)))


@contextmanager
def _workplace() -> Iterator[Path]:
    """A folder for the time of the work, on the disk of the state folder: audio takes space."""
    state = settings().state_dir
    state.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=state, prefix="register-") as name:
        yield Path(name)


def _deciding(params: Params, manifest: Manifest) -> dict[str, Any]:
    """The params that a verdict without training depends on."""
    return {
        "detector": {"name": manifest.detector, "options": dict(manifest.options)},
        "window": asdict(manifest.window),
        **{name: asdict(getattr(params, name)) for name in _DECIDING},
    }
