"""Simulated traffic of a challenger in shadow: who calls, how often, and which detector is right.

Marginal scores are those of the simulated pairs. Habits move variance that each detector has of its
own from the call to the caller, who is bona fide or uses one attack in every call. Where callers
return, the n-th of them calls 1 / n times as often as the first (Zipf's law).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.promotion.live_calls import Call, Observation, observations
from models.promotion.simulated_pairs import (
    ATTACKS,
    LITTLE_HABIT,
    Truth,
    Variances,
    draw_scores,
)

CALLS_TO_A_LABEL = 14  # the pairs disagree on about one call in so many
_AGREED = {real: Call(real) for real in (True, False)}


@dataclass(frozen=True)
class Traffic:
    """How calls are spread over callers and classes."""

    name: str
    calls_each: int = 1  # calls for each caller there is; 1: nobody calls twice
    spoofs: float = 0.5  # share of the callers
    variances: Variances = LITTLE_HABIT


HABITS = Variances(speaker_own=0.36, trial_own=0.04)
FRESH = Traffic("fresh callers")
TRAFFICS = (
    FRESH,
    Traffic("fresh callers, 5 % spoofs", spoofs=0.05),
    Traffic("returning callers with habits", calls_each=10, variances=HABITS),
    Traffic("returning, 20 % spoofs", calls_each=10, spoofs=0.2, variances=HABITS),
)


@dataclass(frozen=True)
class DrawnCalls:
    """Calls (calls,) in the order of arrival."""

    caller: NDArray[np.int64]
    bonafide: NDArray[np.bool_]
    gains: NDArray[np.float64]  # champion's loss − candidate's; 0 where they agree

    def first_of_callers(self) -> DrawnCalls:
        """The first call of each caller."""
        rows = np.sort(np.unique(self.caller, return_index=True)[1])
        return DrawnCalls(self.caller[rows], self.bonafide[rows], self.gains[rows])

    def observations(self, labels: int) -> list[Observation]:
        """Those up to the last of so many labels."""
        reviewed = np.cumsum(self.gains != 0) <= labels
        columns = (self.bonafide[reviewed].tolist(), self.gains[reviewed].tolist())
        calls = (
            Call(real, gain, str(row)) if gain else _AGREED[real]
            for row, (real, gain) in enumerate(zip(*columns, strict=True))
        )
        return list(observations(calls))


def draw_calls(
    truth: Truth,
    thresholds: tuple[float, float],
    traffic: Traffic,
    calls: int,
    random: np.random.Generator,
) -> DrawnCalls:
    """Draw calls; `thresholds`: the champion's and the candidate's."""
    callers = max(calls // traffic.calls_each, 1)
    caller = np.arange(calls)
    if traffic.calls_each > 1:
        often = 1 / np.arange(1, callers + 1)
        caller = random.choice(callers, size=calls, p=often / often.sum())
    attack = np.where(
        random.random(callers) < traffic.spoofs, random.integers(len(ATTACKS), size=callers), -1
    )
    place = attack[caller]
    scores = draw_scores(truth, caller, place, random, traffic.variances)
    wrong = (scores >= np.array(thresholds)[:, None]) == (place >= 0)
    return DrawnCalls(caller, place < 0, wrong[0].astype(np.float64) - wrong[1])
