"""Trials decoded once, for all who listen to them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from models.audio.reading import read_audio
from models.compute.cores import decoding_processes
from models.data.clips import Clips, open_clips, pack
from models.data.copy_synthesis.copies import write_copies
from models.data.dataset import count_classes, read_corpus
from models.errors import InputError
from models.params.data import DataParams
from models.params.tree import Params
from models.trials import Partition, Protocol, Trial

log = logging.getLogger("antiphon.stages")


def pack_trials(name: str, trials: Sequence[Trial], folder: Path, *, progress: bool = True) -> None:
    """Pack the audio of trials into a folder under a name, in several processes."""
    processes = decoding_processes(len(trials))
    pack(trials, read_audio, folder, name, processes=processes, progress=progress)


def pack_partitions(
    protocol: str, root: Path, data: DataParams, partitions: Sequence[Partition], folder: Path
) -> list[Clips]:
    """The clips of each partition of a corpus; InputError where one has no trials."""
    corpus = read_corpus(protocol, root, data)
    trials = {str(partition): corpus.partition(partition) for partition in partitions}
    if empty := next((name for name in trials if not trials[name]), None):
        raise InputError(f"{root}: no {empty} trials in {protocol}")
    for name in trials:
        pack_trials(name, trials[name], folder)
    return [open_clips(folder, name) for name in trials]


def pack_dataset(dataset: Protocol, params: Params, folder: Path) -> None:
    """Pack every partition of a dataset, copies with train; InputError where one has no trials."""
    for partition in Partition:
        trials = dataset.partition(partition)
        if not trials:
            raise InputError(f"data: no {partition} trials in {dataset.name}")
        with TemporaryDirectory() as scratch:
            if partition is Partition.TRAIN:
                trials = (*trials, *_copies(trials, params, Path(scratch)))
            pack_logged(str(partition), trials, folder)


def _copies(trials: Sequence[Trial], params: Params, scratch: Path) -> Sequence[Trial]:
    shares, seed, neural = params.copy_synthesis, params.data.partition_seed, params.neural_vocoder
    return write_copies(trials, shares, read_audio, scratch, seed, neural=neural, progress=True)


def pack_logged(name: str, trials: Sequence[Trial], folder: Path) -> None:
    """Pack trials and say how many of which class."""
    log.info("%s: %d trials, %s", name, len(trials), count_classes(trials))
    pack_trials(name, trials, folder)
