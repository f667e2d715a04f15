"""Clips through a detector to one cm_score each, in the precision of its weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.audio.windows import aggregate, cut_windows
from models.compute.distributed import World
from models.compute.eval_mode import evaluation_mode
from models.compute.memory import retained_memory
from models.compute.progress import progress_bar
from models.data.clips import Clips
from models.detectors import cm_score
from models.errors import InputError
from models.evaluation.scores import Scores
from models.params.window import WindowParams

Batch = tuple[NDArray[np.float32], NDArray[np.int64]]  # windows (b, samples), their clips (b,)


class NotFiniteError(InputError):
    """A detector answered with nan or infinity."""


def score_clips(
    detector: nn.Module,
    clips: Clips,
    window: WindowParams,
    device: str | torch.device = "cpu",
    *,
    batch_size: int = 8,  # a CPU gains nothing beyond, and AASIST takes 0.3 GiB a window
    progress: bool = False,
) -> Scores:
    """Score every window of every clip and aggregate, with the detector in evaluation mode.

    The detector is moved to `device`. Raises NotFiniteError naming the clip without a score.
    """
    detector.to(device)

    def score(windows: NDArray[np.float32], _: NDArray[np.int64]) -> NDArray[np.float64]:
        with torch.inference_mode():
            logits = detector(torch.from_numpy(windows).to(device))
            return as_array(cm_score(logits))

    with evaluation_mode(detector), retained_memory(torch.device(device).type):
        return score_windows(clips, window, score, batch_size=batch_size, progress=progress)


def score_together(
    detector: nn.Module, clips: Clips, window: WindowParams, device: torch.device, world: World
) -> Scores:
    """`score_clips` by all processes, each of which scores its share and learns all scores."""
    if world.size == 1:
        return score_clips(detector, clips, window, device)
    own = clips.take(range(len(clips))[world.own])
    try:
        own_scores = score_clips(detector, own, window, device).cm_scores
    except NotFiniteError:  # the others have to learn of it, and then all raise it
        own_scores = np.full(len(own), np.nan)
    scores = world.join(torch.from_numpy(own_scores), len(clips))
    return join_windows(clips, window, [[score] for score in scores.tolist()])


def score_windows(
    clips: Clips,
    window: WindowParams,
    score: Callable[[NDArray[np.float32], NDArray[np.int64]], NDArray[np.float64]],
    *,
    batch_size: int,
    progress: bool = False,
) -> Scores:
    """Scores of clips where `score` gives those (b,) of windows (b, samples) of clips (b,)."""
    by_clip: list[list[float]] = [[] for _ in range(len(clips))]
    with progress_bar(len(clips), "score", progress) as bar:
        for windows, owners in window_batches(clips, window, batch_size):
            for owner, value in zip(owners, score(windows, owners), strict=True):
                bar.update(0 if by_clip[owner] else 1)
                by_clip[owner].append(float(value))
    return join_windows(clips, window, by_clip)


def join_windows(clips: Clips, window: WindowParams, by_clip: Sequence[Sequence[float]]) -> Scores:
    """One score a clip of those of its windows; raises NotFiniteError naming a clip without."""
    scores = np.array(
        [aggregate(np.array(window_scores), window) for window_scores in by_clip], dtype=np.float64
    )
    bad = np.flatnonzero(~np.isfinite(scores))
    if bad.size:
        name = clips.utterance_ids[bad[0]]
        raise NotFiniteError(
            f"{name}: a finite cm_score expected, the detector gave {scores[bad[0]]}"
        )
    return Scores(
        utterance_ids=clips.utterance_ids,
        attack_ids=clips.attack_ids,
        cm_scores=scores,
        clusters=clips.clusters,
    )


def window_batches(clips: Clips, window: WindowParams, batch_size: int) -> Iterator[Batch]:
    """The windows of all clips in order, across the clips' borders.

    `batch_size` at a time, or fewer where the next one has another length.
    """
    waiting: list[NDArray[np.float32]] = []
    owners: list[int] = []
    for index in range(len(clips)):
        for one in cut_windows(clips.waveform(index), window):
            if waiting and (len(waiting) == batch_size or one.size != waiting[0].size):
                yield np.stack(waiting), np.array(owners)
                waiting, owners = [], []
            waiting.append(one)
            owners.append(index)
    if waiting:
        yield np.stack(waiting), np.array(owners)


def as_array(scores: torch.Tensor) -> NDArray[np.float64]:
    """Scores (b,) on any device as numpy."""
    array: NDArray[np.float64] = scores.detach().double().cpu().numpy()
    return array
