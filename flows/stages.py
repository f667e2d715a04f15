"""The stages of dvc.yaml: `python -m flows.stages NAME`, in the folder that holds dvc.yaml.

Each reads and writes the folders under pipeline/ and nothing else, so that DVC may skip it. What a
stage needs is imported inside it: what the others need is none of its dependencies, and `prepare`
starts without torch.
"""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.candidate.devices import device_here
from flows.candidate.epochs import checkpoint_of, keep_epochs, record_epochs
from flows.candidate.lifeline import end_with_the_cycle
from flows.candidate.pipeline_folders import (
    CHAMPION,
    DETECTOR,
    EVALUATION,
    HARDENED,
    PREPARED,
    TRAINED,
)
from flows.candidate.processes import FAILED, LOST, processes, run_together, tell_story
from models.errors import InputError, LostError
from models.params.tree import Params, read_params
from models.printable import printable

if TYPE_CHECKING:
    import torch

    from models.compute.distributed import World
    from models.data.clips import Clips
    from models.training.execution import Execution

log = logging.getLogger("antiphon.stages")


def prepare(params: Params) -> None:
    """Read every corpus under data/ and pack the audio of each partition, copies with train.

    Sentinel corpora are packed apart. Faulty clips and lopsided partitions are written down, or end
    the stage. What gives away trials of sentinels or of a later partition is dropped, or ends it.
    """
    from flows.candidate.check_corpus import check_prepared, file_rates, refuse_unreadable
    from flows.candidate.packing import pack_dataset, pack_logged
    from flows.gate.leaks import guard
    from models.data.dataset import SENTINEL, read_dataset, read_sentinel

    sentinel = params.evaluation_sets.sentinel
    dataset = read_dataset(Path("data"), params.data, sentinel)
    try:
        pack_dataset(dataset, params, PREPARED)
    except InputError:
        refuse_unreadable(dataset.trials, params.data_checks, PREPARED)
        raise
    if sentinel:
        pack_logged(SENTINEL, read_sentinel(Path("data"), sentinel, params.data), PREPARED)
    check_prepared(PREPARED, file_rates(dataset.trials), params.data_checks)
    guard(PREPARED, params.leakage)


def train(params: Params) -> None:
    """Train from scratch, from the champion or from given weights; keep the best epoch on dev."""
    from flows.candidate.feature_cache import feature_cache
    from flows.candidate.starting_weights import initial_folder, random_detector
    from models.compute.distributed import joined
    from models.data.clips import open_clips
    from models.data.lessons import read_lessons
    from models.packaging.checkpoint import load_detector, save_detector
    from models.training.continual.continuation import continue_from
    from models.training.distilling import taught, teacher_folder
    from models.training.train import LearningRule
    from models.training.train import train as run_training

    folder = initial_folder(params)
    detector = load_detector(folder) if folder else random_detector(params)
    params = params.starting(from_weights=folder is not None)
    lessons = read_lessons(folder) if folder else frozenset()
    teacher = teacher_folder(params.training.distillation, CHAMPION)
    clips, dev = open_clips(PREPARED, "train"), open_clips(PREPARED, "dev")
    with joined(device_here()) as (world, place):
        continuation = continue_from(detector, clips, lessons, params, place)
        result = run_training(
            detector,
            continuation.clips,
            dev,
            params,
            rule=LearningRule(anchor=taught(continuation.anchor, teacher, place)),
            run=replace(_execution("train", place, world), features=feature_cache()),
        )
    if not world.leads:
        return
    log.info("best epoch %d: dev EER %.2f %%", result.best_epoch, 100 * result.best_dev_eer)
    save_detector(detector, TRAINED / "detector", params.window)
    keep_epochs("train", TRAINED)


def _execution(stage: str, place: torch.device, world: World) -> Execution:
    from models.training.execution import Execution

    return Execution(
        device=place,
        checkpoint=checkpoint_of(stage),
        on_epoch=record_epochs(stage),
        progress=True,
        world=world,
    )


def adversarial(params: Params) -> None:
    """Fine-tune on clean and attacked clips; zero epochs pass the trained detector through."""
    from models.adversarial.hardening import harden
    from models.compute.distributed import joined
    from models.data.clips import open_clips
    from models.packaging.checkpoint import load_detector, save_detector

    detector = load_detector(TRAINED / "detector")
    with joined(device_here()) as (world, place):
        harden(
            detector,
            open_clips(PREPARED, "train"),
            open_clips(PREPARED, "dev"),
            params,
            run=_execution("adversarial", place, world),
        )
    if not world.leads:
        return
    save_detector(detector, HARDENED / "detector", params.window)
    keep_epochs("adversarial", HARDENED)


def export(params: Params) -> None:
    """Write the graph, check it, and fit calibration and threshold on dev through it."""
    from flows.candidate.evaluate import calibrate
    from models.data.clips import open_clips
    from models.data.lessons import write_lessons
    from models.packaging.export import export_detector

    shutil.copytree(HARDENED / "detector", DETECTOR, dirs_exist_ok=True)
    train_clips = open_clips(PREPARED, "train")
    write_lessons(DETECTOR, zip(train_clips.utterance_ids, train_clips.attack_ids, strict=True))
    export_detector(DETECTOR)
    calibrate(DETECTOR, open_clips(PREPARED, "dev"), params)


def evaluate(params: Params) -> None:
    """Score eval through the exported graph; report, plots, and the reference for drift."""
    from flows.candidate.evaluate import write_evaluation
    from models.data.clips import open_clips

    eval_clips = open_clips(PREPARED, "eval")
    champion = CHAMPION if CHAMPION.is_dir() else None
    under_attack = _under_attack(params, eval_clips)
    write_evaluation(DETECTOR, eval_clips, params, EVALUATION, under_attack, champion)


def _under_attack(params: Params, clips: Clips) -> dict[str, Any]:
    """Attacks on the candidate, and on the champion that it was asked to beat."""
    from models.adversarial.under_attack import under_attack
    from models.data.clips import open_clips
    from models.files.manifest import read_manifest
    from models.packaging.checkpoint import load_detector

    if params.evaluation.attacked_trials == 0:
        return {}
    compare = params.robustness.champion and CHAMPION.is_dir()
    champion = load_detector(CHAMPION) if compare else None
    window = read_manifest(CHAMPION).window if compare else None
    candidate, train_clips = load_detector(DETECTOR), open_clips(PREPARED, "train")
    return under_attack(candidate, champion, clips, train_clips, params, device_here(), window)


STAGES: dict[str, Callable[[Params], None]] = {
    "prepare": prepare,
    "train": train,
    "adversarial": adversarial,
    "export": export,
    "evaluate": evaluate,
}
TOGETHER = ("train", "adversarial")  # stages that several processes run


def run(stage: str) -> None:
    """Run one stage in this process."""
    tell_story()
    STAGES[stage](read_params(Path("params.yaml")))


def main(arguments: list[str]) -> int:
    """Run one stage; 2 and one sentence where its input is unusable, 3 where a process is gone."""
    if len(arguments) != 1 or arguments[0] not in STAGES:
        sys.stderr.write(f"one stage expected: {', '.join(STAGES)}\n")
        return FAILED
    (stage,) = arguments
    end_with_the_cycle()
    try:
        run_together(partial(run, stage), processes() if stage in TOGETHER else 1)
    except (InputError, LostError) as error:
        sys.stderr.write(f"{printable(error)}\n")
        return FAILED if isinstance(error, InputError) else LOST
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
