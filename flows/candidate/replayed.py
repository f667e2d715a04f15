"""Train clips that a fast cycle replays, and what an exported backbone makes of them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from flows.candidate.detector_folders import embed_exported
from models.data.clips import Clips, open_clips
from models.packaging.last_layer import read_backbone
from models.packaging.remembered import EmbeddingMemory
from models.trials import Partition

REPLAYED = 2_000  # train clips at most: more hardly change the layer, and cost time


def replayed_rows(train: Clips, new: Collection[int], seed: int) -> list[int]:
    """Rows of train beside the new ones, at most `REPLAYED`, drawn by `training.seed`."""
    known = [row for row in range(len(train)) if row not in new]
    if len(known) <= REPLAYED:
        return known
    rng = np.random.default_rng(seed)
    return sorted(rng.permutation(known)[:REPLAYED].tolist())


def remember_replayed(detector: Path, prepared: Path, seed: int, memory: EmbeddingMemory) -> int:
    """Embed what a fast cycle would replay, so that it need not; returns the number of clips.

    0 for a detector folder without a last layer that can be refitted.
    """
    if read_backbone(detector) is None:
        return 0
    train = open_clips(prepared, Partition.TRAIN)
    rows = replayed_rows(train, (), seed)
    embed_exported(memory.open(detector), train.take(rows), "hear replayed")
    memory.keep(all_known=True)  # those of the gate's clips, too
    return len(rows)
