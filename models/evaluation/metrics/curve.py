"""The errors of a detector at every threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError


@dataclass(frozen=True)
class ErrorCurve:
    """Errors at each distinct threshold, from accepting everything to rejecting everything.

    At point p the trials with cm_score >= thresholds[p] are accepted as bona fide. Tied scores
    share one threshold, so that their order cannot matter.
    """

    thresholds: NDArray[np.float64]  # (points,), rising; the last is above every score
    missed: NDArray[np.int64]  # (points,) bona fide trials rejected
    accepted: NDArray[np.int64]  # (points,) spoofs accepted
    bonafide: int  # trials
    spoof: int  # trials

    @property
    def misses(self) -> NDArray[np.float64]:
        """Share of bona fide trials rejected, (points,)."""
        return self.missed / self.bonafide

    @property
    def false_alarms(self) -> NDArray[np.float64]:
        """Share of spoofs accepted, (points,)."""
        return self.accepted / self.spoof

    def threshold(self, point: int) -> float:
        """A threshold with the errors of a point: midway to the next lower score, if any."""
        here = float(self.thresholds[point])
        if point == 0:
            return here
        below = float(self.thresholds[point - 1])
        middle = below + (here - below) / 2
        return middle if below < middle else here


def error_curve(bonafide: NDArray[np.floating], spoof: NDArray[np.floating]) -> ErrorCurve:
    """The curve of cm_scores (bona fide trials,) and (spoofs,); raises InputError without them."""
    for name, scores in (("bona fide", bonafide), ("spoof", spoof)):
        if scores.size == 0:
            raise InputError(f"scores of both classes expected, found no {name} trial")
        if not np.isfinite(scores).all():
            raise InputError(f"finite scores expected, found others among the {name} trials")
    distinct = np.unique(np.concatenate((bonafide, spoof))).astype(np.float64)
    thresholds = np.append(distinct, np.nextafter(distinct[-1], np.inf))
    return ErrorCurve(
        thresholds,
        np.searchsorted(np.sort(bonafide), thresholds).astype(np.int64),
        spoof.size - np.searchsorted(np.sort(spoof), thresholds).astype(np.int64),
        bonafide.size,
        spoof.size,
    )
