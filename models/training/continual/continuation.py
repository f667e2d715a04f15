"""The clips and the anchor of a detector that starts from trained weights.

*Old* are the train trials that it has learnt from (`lessons.py`), *new* all others. Bona fide
speech is always seen, all of it: people do not go out of fashion. Of spoofs a method sees the new
ones and, where it replays, a bounded memory of the old ones.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.data.clips import Clips
from models.data.lessons import Lessons
from models.detectors.fitted import FittedDetector
from models.params.tree import Params
from models.training.continual.anchor import Anchor
from models.training.continual.coverage import cover
from models.training.continual.methods import METHODS, StartingPoint

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Continuation:
    """The clips of a fine-tuning pass, and its anchor."""

    clips: Clips
    anchor: Anchor


def continue_from(
    detector: nn.Module,
    clips: Clips,
    lessons: Lessons,
    params: Params,
    device: str | torch.device = "cpu",
) -> Continuation:
    """How `continual.method` goes on with a detector that holds its first weights.

    Where the method is `none`, where the detector is fitted, which is always anew, where nothing is
    new or where nothing is known of what the detector has learnt from, it sees everything and
    nothing holds it.
    """
    old = np.array([key in lessons for key in _keys(clips)], dtype=np.bool_)
    spoofs = ~clips.bonafide
    name = params.continual.method
    if name == "none":
        return Continuation(clips, Anchor())
    if isinstance(detector, FittedDetector):
        _log.info("continual.method %s: %s is fitted: all is learnt from", name, detector.name)
        return Continuation(clips, Anchor())
    if not (spoofs & ~old).any() or not (spoofs & old).any() or not (~spoofs & old).any():
        _log.info("continual.method %s: no new spoofs or no old trials: all is learnt from", name)
        return Continuation(clips, Anchor())
    method, count, seed = METHODS[name], params.continual.memory_clips, params.training.seed
    memory = clips.take(_chosen(clips, old, count, seed))
    anchor = method.anchor(StartingPoint(detector, memory, params, torch.device(device)))
    shown = ~(spoofs & old)
    if method.replays:
        shown[_chosen(clips, spoofs & old, count, seed)] = True
    _log.info(
        "continual.method %s: %d new spoofs, %d of %d old ones again, all %d bona fide",
        name, (spoofs & ~old).sum(), (shown & spoofs & old).sum(), (spoofs & old).sum(),
        clips.bonafide.sum(),
    )  # fmt: skip
    return Continuation(clips.take(np.flatnonzero(shown)), anchor)


def _chosen(clips: Clips, among: NDArray[np.bool_], count: int, seed: int) -> NDArray[np.int64]:
    """Indices of a memory that covers the clips marked in `among` (clips,)."""
    marked = np.flatnonzero(among)
    return marked[cover(clips.take(marked), count, seed)]


def _keys(clips: Clips) -> list[tuple[str, str | None]]:
    return list(zip(clips.utterance_ids, clips.attack_ids, strict=True))
