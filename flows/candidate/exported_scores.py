"""Clips through the graph that production runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flows.candidate.detector_folders import in_threads
from models.audio.acoustics import describe
from models.compute.progress import progress_bar
from models.evaluation.scores import Scores
from models.evaluation.sketch import embedding_sketch

if TYPE_CHECKING:
    from models.data.clips import Clips
    from models.packaging.runtime import ExportedDetector, WaveformScore


def score_exported(
    exported: ExportedDetector,
    clips: Clips,
    sketches: list[list[float]] | None = None,
    progress: str = "",
) -> Scores:
    """Score every clip; `sketches`, if given, receives those of the embeddings.

    `progress`, if given, is what a bar at a terminal is called.
    """

    def score(index: int) -> WaveformScore:
        answer = exported.score(clips.waveform(index))
        bar.update()
        return answer

    with progress_bar(len(clips), progress, bool(progress)) as bar:
        answers = list(in_threads(score, range(len(clips))))
    if sketches is not None:
        sketches.extend(embedding_sketch(answer.embedding) for answer in answers)
    cm_scores = np.array([answer.cm_score for answer in answers], dtype=np.float64)
    return Scores(clips.utterance_ids, clips.attack_ids, cm_scores, clips.clusters)


def describe_clips(clips: Clips) -> list[dict[str, float]]:
    """The acoustic features of every clip."""
    return list(in_threads(lambda index: describe(clips.waveform(index)), range(len(clips))))
