"""A reference of forty callers who differ from one another, and traffic of other callers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.audio.acoustics import ACOUSTICS
from models.evaluation.sketch import SKETCH_COLUMNS

COLUMNS = ("cm_score", *ACOUSTICS, *SKETCH_COLUMNS)
THRESHOLD = 0.0


OWN = 0.5  # share of the variance that the calls of a caller have in common


def calls(callers: int, per_caller: int, seed: int, *, spoofs: float = 0.5) -> pd.DataFrame:
    """Rows of unit deviation. Spoofs score 3 below bona fide, and speech lasts 4 s."""
    random = np.random.RandomState(seed)
    voices = np.repeat(random.standard_normal((callers, len(COLUMNS))), per_caller, axis=0)
    rows = random.standard_normal(voices.shape)
    frame = pd.DataFrame(OWN**0.5 * voices + (1 - OWN) ** 0.5 * rows, columns=list(COLUMNS))
    frame["duration_s"], frame["speech_ratio"] = 4 + 0.1 * frame["duration_s"], 0.8
    spoof = random.random_sample(len(frame)) < spoofs
    frame["cm_score"] += np.where(spoof, -1.5, 1.5)
    frame["label"] = np.where(spoof, "spoof", "bonafide")
    frame["speaker_id"] = np.repeat([f"caller-{seed}-{i}" for i in range(callers)], per_caller)
    frame["source"] = "line"
    return frame


def traffic(rows: int, seed: int, *, spoofs: float = 0.5, **shift: float) -> pd.DataFrame:
    """Requests of as many callers as there are, unreviewed, some columns moved by so much."""
    frame = calls(rows, 1, seed, spoofs=spoofs)
    for name, amount in shift.items():
        frame[name] += amount
    frame["label"], frame["threshold"] = None, THRESHOLD
    frame["request_id"] = [f"{seed}-{i}" for i in range(rows)]
    return frame
