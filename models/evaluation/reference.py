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

REFERENCE_COLUMNS = ("cm_score", *ACOUSTICS, *SKETCH_COLUMNS)


def write_reference(
    path: Path,
    cm_scores: ArrayLike,
    acoustics: Sequence[Mapping[str, float]],
    sketches: Sequence[Sequence[float]],
) -> None:
    """Write reference.parquet, one row per eval trial, whole or not at all.

    `acoustics` are of `models.audio.acoustics.describe`, `sketches` of `models.evaluation.sketch`.
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
    with written_beside(path) as scratch:
        pd.DataFrame(values, columns=list(REFERENCE_COLUMNS)).to_parquet(scratch, index=False)
