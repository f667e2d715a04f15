"""Runs a waveform through the champion, off the event loop."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE
from models.audio.windows import aggregate
from models.evaluation.sketch import embedding_sketch
from models.packaging.runtime import Outputs, cm_scores
from serving.answers.windows import PlacedWindows, fine_windows, own_windows
from serving.champion import LoadedChampion
from serving.runners import Runners


@dataclass(frozen=True)
class WindowScores:
    """The scores of windows, and where they are in the waveform."""

    spans_s: list[tuple[float, float]]
    cm_scores: NDArray[np.float32]  # (n,)


@dataclass(frozen=True)
class Detected:
    """What the champion says of one waveform."""

    cm_score: float
    windows: WindowScores
    embedding: NDArray[np.float32]  # (d,), the mean of the windows'

    def columns(self, champion: LoadedChampion) -> dict[str, Any]:
        """The columns of the request's row that come from the detector."""
        return {
            "embedding_sketch": embedding_sketch(self.embedding),
            "window_scores": {
                "window_s": champion.manifest.window.samples / SAMPLE_RATE,
                "starts_s": [start for start, _ in self.windows.spans_s],
                "cm_scores": [round(float(score), 4) for score in self.windows.cm_scores],
            },
        }


async def detect(
    runners: Runners, champion: LoadedChampion, waveform: NDArray[np.float32]
) -> Detected:
    """The score of a waveform (samples,), of the windows that its champion takes."""
    window = champion.manifest.window
    # off the event loop: cleaning a long recording takes seconds
    placed = await asyncio.to_thread(own_windows, waveform, window)
    logits, embeddings = await _run(runners, champion, placed)
    scores = cm_scores(logits)
    return Detected(
        aggregate(scores, window),
        WindowScores(placed.spans_s, scores),
        np.asarray(embeddings.mean(axis=0)),
    )


async def scan(
    runners: Runners, champion: LoadedChampion, waveform: NDArray[np.float32]
) -> WindowScores:
    """The scores of fine windows of a waveform (samples,), a block after the other."""
    blocks = fine_windows(waveform, champion.manifest.window)
    spans: list[tuple[float, float]] = []
    scores: list[NDArray[np.float32]] = []
    while (block := await asyncio.to_thread(next, blocks, None)) is not None:
        logits, _ = await _run(runners, champion, block)
        spans += block.spans_s
        scores.append(cm_scores(logits))
    return WindowScores(spans, np.concatenate(scores))


async def _run(runners: Runners, champion: LoadedChampion, placed: PlacedWindows) -> Outputs:
    return await asyncio.wrap_future(runners.submit(champion, placed.samples))
