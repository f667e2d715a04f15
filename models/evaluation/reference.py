"""Features and scores of a detector's eval trials: the reference of its monitoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from models.audio.acoustics import ACOUSTICS
from models.errors import InputError
from models.evaluation.sketch import SKETCH_COLUMNS
from models.files.whole_files import written_beside
from models.trials import Trial

REFERENCE_COLUMNS = ("cm_score", *ACOUSTICS, *SKETCH_COLUMNS)
# what a trial is and where it came from: windows of the reference are drawn in blocks of the latter
ORIGIN_COLUMNS = ("label", "speaker_id", "source", "day")


def write_reference(
    path: Path,
    cm_scores: ArrayLike,
    acoustics: Sequence[Mapping[str, float]],
    sketches: Sequence[Sequence[float]],
    trials: Sequence[Trial] | None = None,
) -> None:
    """Write reference.parquet, one row per eval trial, whole or not at all.

    `acoustics` are of `models.audio.acoustics.describe`, `sketches` of `models.evaluation.sketch`.
    With the trials, the rows have ORIGIN_COLUMNS; a day is the extra column `day` of a protocol.
    Renewing the manifest is left to the caller. Raises InputError where there is no trial or a
    finite value is missing.
    """
    import pandas as pd  # not on a bare GPU worker

    rows = [
        (score, *(features[name] for name in ACOUSTICS), *sketch)
        for score, features, sketch in zip(
            np.asarray(cm_scores).tolist(), acoustics, sketches, strict=True
        )
    ]
    values = np.array(rows, dtype=np.float64)  # (trials, columns)
    if not values.size or not np.isfinite(values).all():
        raise InputError(f"{path}: at least one trial and only finite values expected")
    frame = pd.DataFrame(values, columns=list(REFERENCE_COLUMNS))
    if trials is not None:
        origins = [origin(trial) for trial in trials]
        if len(origins) != len(frame):
            raise ValueError(f"{len(frame)} trials expected, found {len(origins)}")
        frame[list(ORIGIN_COLUMNS)] = origins
    with written_beside(path) as scratch:
        frame.to_parquet(scratch, index=False)


def origin(trial: Trial) -> tuple[str, str, str, str]:
    """The values of ORIGIN_COLUMNS; empty where unknown."""
    day = trial.extra.get("day", "")
    return trial.label.value, trial.speaker_id or "", trial.source or "", day
