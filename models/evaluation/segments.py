"""From the scores of overlapping windows to segments of one verdict.

The windows' hops cut the recording into cells. The llr of a cell is the mean over the windows that
hold it, so that a short insert counts as far as windows can tell; a cell in which nobody speaks has
no score. Neighbouring cells of one verdict are a segment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from models.evaluation.policies import Policy, SpeechVerdict

SILENT_CELL_S = 0.1  # of speech: a cell with less is scored by nobody


@dataclass(frozen=True)
class Segment:
    """A part of a recording with one verdict."""

    start_s: float
    end_s: float
    verdict: SpeechVerdict
    cm_score: float | None  # the mean; None: nobody speaks


@dataclass(frozen=True)
class _Cell:
    start_s: float
    end_s: float
    cm_score: float
    verdict: SpeechVerdict


def segments_of(
    spans_s: Sequence[tuple[float, float]],
    cm_scores: NDArray[np.floating],
    llr: Callable[[float], float],
    policy: Policy,
    speech_between: Callable[[float, float], float],
) -> list[Segment]:
    """The segments of windows (start, end) in seconds with their cm_scores (n,), in order.

    `llr` calibrates a cm_score, and `speech_between` counts the seconds of speech of a part.
    """
    spans = np.asarray(spans_s)  # (n, 2)
    edges = np.unique(spans)
    cells = []
    for start, end in pairwise(edges):
        holds = (spans[:, 0] <= start) & (spans[:, 1] >= end)
        if not holds.any():
            continue
        score = float(np.mean(cm_scores[holds]))
        speaks = speech_between(start, end) >= min(SILENT_CELL_S, (end - start) / 2)
        verdict = policy.verdict(llr(score)) if speaks else SpeechVerdict.UNSCORABLE
        cells.append(_Cell(float(start), float(end), score, verdict))
    return [_joined(list(group)) for _, group in groupby(cells, key=lambda cell: cell.verdict)]


def _joined(cells: list[_Cell]) -> Segment:
    weights = [cell.end_s - cell.start_s for cell in cells]
    silent = cells[0].verdict is SpeechVerdict.UNSCORABLE
    score = None if silent else float(np.average([c.cm_score for c in cells], weights=weights))
    return Segment(cells[0].start_s, cells[-1].end_s, cells[0].verdict, score)
