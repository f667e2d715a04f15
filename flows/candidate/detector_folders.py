"""Detector folders through the graph that production runs: files and packed clips to scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.audio.acoustics import describe
from models.audio.reading import read_audio
from models.compute.cores import usable_cores
from models.compute.progress import progress_bar
from models.evaluation.scores import Scores
from models.evaluation.sketch import embedding_sketch
from models.files.manifest import GRAPH, read_manifest
from models.packaging.runtime import ExportedDetector, WaveformScore

if TYPE_CHECKING:
    from models.data.clips import Clips
    from models.trials import Trial

T = TypeVar("T")
R = TypeVar("R")


Opener = Callable[[Path], ExportedDetector]  # how a detector folder is opened for scoring

Effect = Callable[[NDArray[np.float32]], NDArray[np.float32]]  # of a waveform (samples,)


def as_it_is(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """No effect."""
    return waveform


def open_exported(folder: Path) -> ExportedDetector:
    """Open the graph of a detector folder for many utterances, one window a core at a time.

    Where the folder holds only weights, the graph is written now.
    """
    read_manifest(folder)
    if not (folder / GRAPH).is_file():
        from models.packaging.export import export_detector  # torch

        export_detector(folder)
    return ExportedDetector.open(folder, threads=usable_cores())


def score_trials(
    exported: ExportedDetector,
    trials: Sequence[Trial],
    advance: Callable[[], object] = lambda: None,
) -> Scores:
    """Scores of trials read from their files, one thread a core; raises InputError of the first."""

    def score(trial: Trial) -> float:
        value = exported.score(read_audio(trial.path)).cm_score
        advance()
        return value

    cm_scores = np.array(list(in_threads(score, trials)), dtype=np.float64)
    return Scores(
        tuple(trial.utterance_id for trial in trials),
        tuple(trial.attack_id for trial in trials),
        cm_scores,
        tuple(trial.cluster for trial in trials),
    )


def score_exported(
    exported: ExportedDetector, clips: Clips, progress: str = "", effect: Effect = as_it_is
) -> Scores:
    """Score every clip after an effect; `progress`, if given, is what a bar is called."""
    return _scores_of(clips, _answers(exported, clips, progress, effect))


def score_and_sketch(
    exported: ExportedDetector, clips: Clips, progress: str = ""
) -> tuple[Scores, list[list[float]]]:
    """The same, and the sketch of each clip's embedding."""
    answers = _answers(exported, clips, progress)
    return _scores_of(clips, answers), [embedding_sketch(answer.embedding) for answer in answers]


def embed_exported(
    exported: ExportedDetector, clips: Clips, progress: str = ""
) -> NDArray[np.float32]:
    """The embedding (clips, d) of every clip, the mean of its windows'."""
    return np.stack([answer.embedding for answer in _answers(exported, clips, progress)])


def _answers(
    exported: ExportedDetector, clips: Clips, progress: str, effect: Effect = as_it_is
) -> list[WaveformScore]:
    def score(index: int) -> WaveformScore:
        answer = exported.score(effect(clips.waveform(index)))
        bar.update()
        return answer

    with progress_bar(len(clips), progress, bool(progress)) as bar:
        return list(in_threads(score, range(len(clips))))


def _scores_of(clips: Clips, answers: Sequence[WaveformScore]) -> Scores:
    cm_scores = np.array([answer.cm_score for answer in answers], dtype=np.float64)
    return Scores(clips.utterance_ids, clips.attack_ids, cm_scores, clips.clusters)


def describe_clips(clips: Clips) -> list[dict[str, float]]:
    """The acoustic features of every clip."""
    return list(in_threads(lambda index: describe(clips.waveform(index)), range(len(clips))))


def in_threads(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Results in the order of the items, one thread a core: the runtime lets Python run on."""
    with ThreadPoolExecutor(max_workers=usable_cores()) as pool:
        yield from pool.map(work, items)
