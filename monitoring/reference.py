"""Reads the champion's reference, which `models.evaluation.reference` wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import InputError
from models.files.manifest import REFERENCE

if TYPE_CHECKING:
    from pandas import DataFrame


def read_reference(folder: Path) -> DataFrame:
    """One row per eval trial: cm_score, acoustic features and embedding sketch.

    A champion may be older than a feature; a missing column is not monitored. Raises InputError if
    there is no usable reference.
    """
    import pandas as pd
    import pyarrow

    path = folder / REFERENCE
    if not path.is_file():
        raise InputError(f"{folder}: {REFERENCE} is missing; the evaluate stage writes it")
    try:
        frame = pd.read_parquet(path)
    except (OSError, pyarrow.ArrowInvalid) as error:
        raise InputError(f"{path}: not a Parquet file that can be read") from error
    if "cm_score" not in frame or frame.empty:
        raise InputError(f"{path}: rows with a cm_score expected, found {len(frame)} rows")
    return frame
