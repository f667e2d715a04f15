"""A corpus and the copies made of it, packed at most once in a folder that stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from flows.lab.run_marks import read_mark
from models.audio.reading import read_audio
from models.data.clips import Clips, open_clips, pack
from models.data.copy_synthesis.copies import write_copies
from models.data.dataset import read_corpus
from models.errors import InputError
from models.files.whole_files import write_json
from models.params.tree import Params
from models.trials import Partition, Trial, trials_hash


def read_trials(protocol: str, root: Path, params: Params) -> tuple[Trial, ...]:
    """The trials of a corpus that are in a partition; those without partitions are dealt."""
    read = read_corpus(protocol, root, params.data)
    return tuple(trial for trial in read.trials if trial.partition is not None)


def pack_corpus(trials: Sequence[Trial], params: Params, folder: Path) -> Clips:
    """The trials' clips, then those of copies made of bona fide trials; packed at most once."""
    seed, shares = params.data.partition_seed, dict(params.copy_synthesis)
    neural = params.neural_vocoder
    made_of = {
        "trials": trials_hash((trial.utterance_id, trial.attack_id) for trial in trials),
        "copy_synthesis": shares,
        "neural_vocoder": asdict(neural),
        "seed": seed,
    }
    mark = folder / "made_of.json"
    if read_mark(mark) != made_of:
        folder.mkdir(parents=True, exist_ok=True)
        mark.unlink(missing_ok=True)
        with TemporaryDirectory() as scratch:
            copies = write_copies(
                trials, shares, read_audio, Path(scratch), seed, neural=neural, progress=True
            )
            pack([*trials, *copies], read_audio, folder, "all", progress=True)
        write_json(mark, made_of)
    return open_clips(folder, "all")


def part_of(clips: Clips, originals: int, partition: Partition) -> Clips:
    """The clips of a partition, of which the first `originals` are no copies.

    Copies of train are learnt from; those of dev and eval are left aside. Raises InputError where
    a class is missing.
    """
    copies_too = partition is Partition.TRAIN
    part = clips.take(
        row
        for row, trial in enumerate(clips.trials)
        if trial.partition is partition and (row < originals or copies_too)
    )
    humans = int(part.bonafide.sum())
    if humans in (0, len(part)):
        raise InputError(
            f"{partition}: trials of both classes expected, found {humans} bona fide and "
            f"{len(part) - humans} spoofs"
        )
    return part
