"""The stages of dvc.yaml: `python -m flows.stages NAME`, in the folder that holds dvc.yaml.

Each reads and writes the folders under pipeline/ and nothing else, so that DVC may skip it.
"""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from flows.candidate.devices import device_here
from flows.candidate.pipeline_folders import (
    CHAMPION,
    CHECKPOINTS,
    DETECTOR,
    EPOCHS,
    EVALUATION,
    HARDENED,
    PREPARED,
    TRAINED,
)
from flows.candidate.processes import FAILED, LOST, processes, run_together, tell_story
from flows.files import read_rows, write_rows
from models.errors import InputError, LostError
from models.params.tree import Params, read_params
from models.trials import Partition, Protocol, Trial

if TYPE_CHECKING:
    from models.data.clips import Clips
    from models.detectors.detector import Detector
    from models.training.state import EpochResult

log = logging.getLogger("antiphon.stages")


def prepare(params: Params) -> None:
    """Read every corpus under data/ and pack the audio of each partition, copies with train.

    Sentinel corpora are packed apart. Faulty clips and lopsided partitions are written down, or end
    the stage. What gives away trials of sentinels or of a later partition is dropped, or ends it.
    """
    from flows.candidate.check_corpus import check_prepared, file_rates, refuse_unreadable
    from flows.gate.leaks import guard
    from models.data.dataset import SENTINEL, read_dataset, read_sentinel

    apart = params.evaluation_sets.sentinel
    protocol = read_dataset(Path("data"), params.data, apart)
    try:
        _pack_partitions(protocol, params)
    except InputError:
        refuse_unreadable(protocol.trials, params.data_checks, PREPARED)
        raise
    if apart:
        _pack(SENTINEL, read_sentinel(Path("data"), apart, params.data))
    check_prepared(PREPARED, file_rates(protocol.trials), params.data_checks)
    guard(PREPARED, params.leakage)


def _pack_partitions(protocol: Protocol, params: Params) -> None:
    from models.audio.reading import read_audio
    from models.data.copy_synthesis.copies import write_copies

    for partition in Partition:
        trials = protocol.partition(partition)
        if not trials:
            raise InputError(f"data: no {partition} trials in {protocol.name}")
        with TemporaryDirectory() as scratch:
            if partition is Partition.TRAIN:
                shares, seed = params.copy_synthesis, params.data.partition_seed
                copies = write_copies(
                    trials, shares, read_audio, Path(scratch), seed,
                    neural=params.neural_vocoder, progress=True,
                )  # fmt: skip
                trials = (*trials, *copies)
            _pack(partition, trials)


def _pack(name: str, trials: Sequence[Trial]) -> None:
    from models.audio.reading import read_audio
    from models.compute.cores import decoding_processes
    from models.data.clips import pack
    from models.data.dataset import count_classes

    log.info("%s: %d trials, %s", name, len(trials), count_classes(trials))
    processes = decoding_processes(len(trials))
    pack(trials, read_audio, PREPARED, str(name), processes=processes, progress=True)


def train(params: Params) -> None:
    """Train from scratch, from the champion or from given weights; keep the best epoch on dev."""
    from models.compute.distributed import joined
    from models.data.clips import open_clips
    from models.data.lessons import read_lessons
    from models.packaging.checkpoint import load_detector, save_detector
    from models.training.continual.continuation import continue_from
    from models.training.distilling import taught, teacher_folder
    from models.training.train import Execution, LearningRule
    from models.training.train import train as run_training

    folder = _initial_folder(params)
    detector = load_detector(folder) if folder else _new_detector(params)
    params = params.starting(from_weights=folder is not None)
    lessons = read_lessons(folder) if folder else frozenset()
    teaching = params.training.distillation
    teacher = teacher_folder(teaching, CHAMPION)
    clips, dev = open_clips(PREPARED, "train"), open_clips(PREPARED, "dev")
    with joined(device_here()) as (world, place):
        how = continue_from(detector, clips, lessons, params, place)
        result = run_training(
            detector,
            how.clips,
            dev,
            params,
            rule=LearningRule(anchor=taught(how.anchor, teacher, teaching, place)),
            run=Execution(
                device=place,
                checkpoint=_checkpoint("train"),
                on_epoch=_record_epochs("train"),
                progress=True,
                world=world,
            ),
        )
    if not world.leads:
        return
    log.info("best epoch %d: dev EER %.2f %%", result.best_epoch, 100 * result.best_dev_eer)
    save_detector(detector, TRAINED / "detector", params.window)
    _keep_epochs("train", TRAINED)


def adversarial(params: Params) -> None:
    """Fine-tune on clean and attacked clips; zero epochs pass the trained detector through."""
    from models.adversarial.hardening import harden
    from models.compute.distributed import joined
    from models.data.clips import open_clips
    from models.packaging.checkpoint import load_detector, save_detector
    from models.training.execution import Execution

    detector = load_detector(TRAINED / "detector")
    with joined(device_here()) as (world, place):
        harden(
            detector,
            open_clips(PREPARED, "train"),
            open_clips(PREPARED, "dev"),
            params,
            run=Execution(
                device=place,
                checkpoint=_checkpoint("adversarial"),
                on_epoch=_record_epochs("adversarial"),
                progress=True,
                world=world,
            ),
        )
    if not world.leads:
        return
    save_detector(detector, HARDENED / "detector", params.window)
    _keep_epochs("adversarial", HARDENED)


def export(params: Params) -> None:
    """Write the graph, check it, and fit calibration and threshold on dev through it."""
    from flows.candidate.evaluate import calibrate
    from models.data.clips import open_clips
    from models.data.lessons import write_lessons
    from models.packaging.export import export_detector

    shutil.copytree(HARDENED / "detector", DETECTOR, dirs_exist_ok=True)
    learnt = open_clips(PREPARED, "train")
    write_lessons(DETECTOR, zip(learnt.utterance_ids, learnt.attack_ids, strict=True))
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
    from models.packaging.checkpoint import load_detector

    if params.evaluation.attacked_trials == 0:
        return {}
    compare = params.robustness.champion and CHAMPION.is_dir()
    champion = load_detector(CHAMPION) if compare else None
    candidate, train_clips = load_detector(DETECTOR), open_clips(PREPARED, "train")
    return under_attack(candidate, champion, clips, train_clips, params, device_here())


def _initial_folder(params: Params) -> Path | None:
    """The weights to start from; None where there are none of the kind params.yaml asks for."""
    from models.detectors import resolve_options
    from models.files.manifest import read_manifest

    initial = params.training.initial
    if initial == "scratch" or (initial == "champion" and not CHAMPION.is_dir()):
        return None
    folder = CHAMPION if initial == "champion" else Path(initial)
    manifest = read_manifest(folder)
    known = resolve_options(manifest.detector, manifest.options)  # it may be older than an option
    name, options = params.detector.name, params.detector.options
    if (manifest.detector, known) == (name, resolve_options(name, options)):
        return folder
    if folder != CHAMPION:
        other = "of other options" if manifest.detector == name else f"of {manifest.detector}"
        raise InputError(
            f"training.initial: weights of {name} with the options of params.yaml expected, "
            f"{folder} holds those {other}"
        )
    log.info(
        "%s is another detector than params.yaml configures: training starts from scratch", folder
    )
    return None


def _new_detector(params: Params) -> Detector:
    from models.detectors.first_weights import new_detector
    from models.training.train import seed_everything

    seed_everything(params.training.seed)
    return new_detector(params)


def _checkpoint(stage: str) -> Path:
    CHECKPOINTS.mkdir(parents=True, exist_ok=True)
    return CHECKPOINTS / f"{stage}.pt"


def _record_epochs(stage: str) -> Callable[[EpochResult], None]:
    """Append each epoch to a CSV that others may read while training runs."""
    path = CHECKPOINTS / f"{stage}.{EPOCHS}"

    def record(epoch: EpochResult) -> None:
        row = asdict(epoch)
        rows = [r for r in read_rows(path) if int(r["epoch"]) < epoch.epoch]  # after a resume
        write_rows(path, [*rows, row])

    return record


def _keep_epochs(stage: str, folder: Path) -> None:
    path = CHECKPOINTS / f"{stage}.{EPOCHS}"
    if path.is_file():
        shutil.copy(path, folder / EPOCHS)
    for left in CHECKPOINTS.glob(f"{stage}.*"):  # of its parts too
        left.unlink()  # done: the next training starts anew


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
    try:
        run_together(partial(run, stage), processes() if stage in TOGETHER else 1)
    except (InputError, LostError) as error:
        sys.stderr.write(f"{error}\n")
        return FAILED if isinstance(error, InputError) else LOST
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
