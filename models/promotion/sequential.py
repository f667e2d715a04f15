"""Is a candidate better on live traffic? A test that may be looked at after every label.

Betting, as in I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by
betting", JRSS B 86 (2024), arXiv 2010.09686: capital of 1 is staked on each gain g in turn and
becomes 1 + λ g times as much. Where no gain is above zero on average, given all that went before,
no way of staking can expect to grow, and by Ville's inequality the capital ever reaches 1 / level
with a chance of at most level: however often it is looked at, and whenever one stops.

The capital is split evenly over a few fixed stakes λ: as good as the best of them but for a factor
of their number, without anything to fit. A second purse bets on the reverse, and drops a candidate
that is worse before its time is up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError

STAKES = (0.25, 0.5, 0.75, 0.95)  # shares of the capital: small ones for small gains


class SequentialDecision(StrEnum):
    """The decision from the labels so far."""

    PROMOTE = "promote"
    DROP = "drop"
    GO_ON = "go on"


@dataclass(frozen=True)
class SequentialResult:
    """The decision and the highest e-values up to it; the first decision is final."""

    decision: SequentialDecision
    e_value: float  # highest so far, against "the candidate is no better"
    e_value_against: float  # highest so far, against "the candidate is no worse"
    needed: float  # what either must reach: 1 / level
    labels: int  # up to the decision, or all


def sequential_test(gains: Sequence[float], level: float) -> SequentialResult:
    """Test gains, the champion's loss − the candidate's, each in [-1, 1], in order of arrival.

    Of candidates that gain nothing, at most a share of `level` is ever promoted. That holds where
    every gain is at most 0 on average given those before it: `live_calls` makes such gains of
    calls. Of those that lose nothing, at most that share is dropped. Raises InputError for a gain
    outside [-1, 1] or a level that is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise InputError(f"level: a share between 0 and 1 expected, found {level:g}")
    values = np.asarray(gains, dtype=np.float64)
    outside = np.flatnonzero(~(np.abs(values) <= 1))  # NaN too
    if outside.size:
        raise InputError(f"gain {outside[0] + 1}: -1 to 1 expected, found {values[outside[0]]:g}")
    ahead, behind = _log_capital(values), _log_capital(-values)
    goal = -math.log(level)
    promoted, dropped = _first(ahead, goal), _first(behind, goal)
    labels = min(promoted, dropped, values.size)
    decision = SequentialDecision.GO_ON
    if min(promoted, dropped) <= values.size:
        is_ahead = promoted < dropped
        decision = SequentialDecision.PROMOTE if is_ahead else SequentialDecision.DROP
    return SequentialResult(
        decision, _highest(ahead[:labels]), _highest(behind[:labels]), 1 / level, labels
    )


def _log_capital(gains: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log of the capital (gains,) after each gain."""
    by_stake = np.cumsum(np.log1p(np.outer(STAKES, gains)), axis=1)  # (stakes, gains)
    return np.asarray(np.logaddexp.reduce(by_stake, axis=0) - math.log(len(STAKES)))


def _first(log_capital: NDArray[np.float64], goal: float) -> int:
    """How many gains it took to reach the goal; one more than there are where it was not."""
    reached = np.flatnonzero(log_capital >= goal)
    return int(reached[0]) + 1 if reached.size else log_capital.size + 1


def _highest(log_capital: NDArray[np.float64]) -> float:
    if not log_capital.size:
        return 1.0
    return math.exp(min(float(log_capital.max()), 700.0))  # e ** 710 is more than a float holds
