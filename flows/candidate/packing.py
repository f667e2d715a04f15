"""A corpus's partitions, decoded once for all who listen to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import InputError
from models.params.data import DataParams
from models.trials import Partition

if TYPE_CHECKING:
    from models.data.clips import Clips


def pack_partitions(
    protocol: str, root: Path, data: DataParams, partitions: Sequence[Partition], folder: Path
) -> list[Clips]:
    """The clips of each partition, packed into a folder; InputError where one has no trials."""
    from models.audio.reading import read_audio
    from models.compute.cores import decoding_processes
    from models.data.clips import open_clips, pack
    from models.data.dataset import read_corpus

    read = read_corpus(protocol, root, data)
    trials = {partition: read.partition(partition) for partition in partitions}
    for partition, each in trials.items():
        if not each:
            raise InputError(f"{root}: no {partition} trials in {protocol}")
    for partition, each in trials.items():
        processes = decoding_processes(len(each))
        pack(each, read_audio, folder, str(partition), processes=processes, progress=True)
    return [open_clips(folder, str(partition)) for partition in partitions]
