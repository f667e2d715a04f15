"""Trials as rows of a score log, through a detector, kept so that nothing is scored twice.

OUT/CHANGE.parquet    utterance_id, attack_id, then the columns of a reference; one row a trial
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flows.candidate.detector_folders import in_threads
from flows.lab.drift_rates.changes import CHANGES
from models.audio.acoustics import describe
from models.audio.reading import read_audio
from models.compute.progress import progress_bar
from models.evaluation.reference import ORIGIN_COLUMNS, origin
from models.evaluation.sketch import SKETCH_COLUMNS, embedding_sketch
from models.files.whole_files import written_beside
from models.trials import Trial

if TYPE_CHECKING:
    from pandas import DataFrame

    from models.packaging.runtime import ExportedDetector

AS_IT_IS = "as_it_is"
KEPT_EVERY = 100  # trials, after which what is scored is written


def scored(
    exported: ExportedDetector, trials: Sequence[Trial], folder: Path, change: str = AS_IT_IS
) -> DataFrame:
    """The rows of trials, in their order; those in the folder are read from there."""
    import pandas as pd

    path = folder / f"{change}.parquet"
    rows: list[dict[Any, Any]] = []
    if path.is_file():
        rows = pd.read_parquet(path).to_dict("records")
    known = {row["utterance_id"] for row in rows}
    missing = [trial for trial in trials if trial.utterance_id not in known]
    with progress_bar(len(missing), f"score {change}", bool(missing)) as bar:
        for start in range(0, len(missing), KEPT_EVERY):
            part = missing[start : start + KEPT_EVERY]
            rows += list(in_threads(partial(_row, exported, change), part))
            folder.mkdir(parents=True, exist_ok=True)
            with written_beside(path) as scratch:
                pd.DataFrame(rows).to_parquet(scratch, index=False)
            bar.update(len(part))
    frame = pd.DataFrame(rows).set_index("utterance_id")
    return frame.loc[[trial.utterance_id for trial in trials]].reset_index()


def _row(exported: ExportedDetector, change: str, trial: Trial) -> dict[str, Any]:
    waveform = read_audio(trial.path)
    if change != AS_IT_IS:
        seed = np.frombuffer(trial.utterance_id.encode(), np.uint8)
        waveform = CHANGES[change](waveform, np.random.default_rng(seed.tolist()))
    answer = exported.score(waveform)
    return {
        "utterance_id": trial.utterance_id,
        "attack_id": trial.attack_id or "",
        **dict(zip(ORIGIN_COLUMNS, origin(trial), strict=True)),
        "cm_score": answer.cm_score,
        **describe(waveform),
        **dict(zip(SKETCH_COLUMNS, embedding_sketch(answer.embedding), strict=True)),
    }
