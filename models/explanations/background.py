"""Files that a detector has scored, by their readable features, to compare a score with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError

# the columns of ACOUSTICS that a person can hear or see, and their names in pictures
READABLE = {
    "duration_s": "length, s",
    "level_dbfs": "level, dBFS",
    "snr_db": "speech over noise, dB",
    "speech_ratio": "share of speech",
    "bandwidth_hz": "bandwidth, Hz",
    "spectral_centroid_hz": "spectral centroid, Hz",
    "spectral_tilt_db": "spectral tilt, dB/octave",
    "spectral_flatness": "spectral flatness",
    "leading_pause_s": "leading pause, s",
    "f0_hz": "pitch (F0), Hz",
}


@dataclass(frozen=True)
class Background:
    """Readable features (files, features) of files and their cm_scores (files,)."""

    features: NDArray[np.float64]
    cm_scores: NDArray[np.float64]
    origin: str

    @classmethod
    def of(
        cls, acoustics: Sequence[Mapping[str, float]], cm_scores: Sequence[float], origin: str
    ) -> Background:
        """From what `models.audio.acoustics.describe` gives for each file."""
        rows = np.array([[file[name] for name in READABLE] for file in acoustics])
        return cls(rows, np.asarray(cm_scores, dtype=np.float64), origin)


def read_background(reference: Path) -> Background:
    """The eval trials of a detector folder's reference.parquet; raises InputError."""
    import pandas as pd

    try:
        table = pd.read_parquet(reference)
    except (OSError, ValueError) as error:
        raise InputError(f"{reference}: not a reference that can be read ({error})") from error
    missing = [name for name in ("cm_score", *READABLE) if name not in table]
    if missing:
        raise InputError(f"{reference}: columns {', '.join(missing)} expected, not found")
    rows = table[list(READABLE)].to_dict("records")
    scores = table["cm_score"].tolist()
    return Background.of(
        [{str(k): float(v) for k, v in row.items()} for row in rows], scores, str(reference)
    )
