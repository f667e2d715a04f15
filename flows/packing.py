"""A corpus's partitions, decoded once for all who listen to them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import InputError
from models.params import DataParams
from models.trials import Partition

if TYPE_CHECKING:
    from models.clips import Clips


def pack_partitions(
    protocol: str, root: Path, data: DataParams, partitions: Sequence[Partition], folder: Path
) -> list[Clips]:
    """The clips of each partition, packed into a folder; InputError where one has no trials."""
    from models.audio import read_audio
    from models.clips import open_clips, pack
    from models.cores import decoding_processes
    from models.protocols.reading import read_protocol

    read = read_protocol(
        protocol,
        root,
        partition_seed=data.partition_seed,
        train_share=data.train_share,
        dev_share=data.dev_share,
    )
    for partition in partitions:
        trials = read.partition(partition)
        if not trials:
            raise InputError(f"{root}: no {partition} trials in {protocol}")
        processes = decoding_processes(len(trials))
        pack(trials, read_audio, folder, str(partition), processes=processes, progress=True)
    return [open_clips(folder, str(partition)) for partition in partitions]
