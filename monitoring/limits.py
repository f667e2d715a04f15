"""The limits of the signals, from windows of stable traffic that are drawn from the reference.

All signals share one false-alarm rate: the probability that a window of stable traffic has any of
them over its limit. The correction is the largest of the scaled signals, whose distribution is that
of the drawn windows (max-T of Westfall and Young 1993, single step): signals that move together, as
most of these do, cost less power than under Bonferroni.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.params.drift import DriftParams
from monitoring.blocks import Blocks
from monitoring.prepared import PreparedReference
from monitoring.signals import BY_NAME, DISTANCE, SHARE

if TYPE_CHECKING:
    from pandas import DataFrame

Values = Mapping[str, NDArray[np.float64]]  # name of a signal -> (windows,)
SPLITS, WINDOWS = 25, 20  # halvings of the blocks, and windows of each: 500 in all
FOLDS = 5  # of the splits, for the realised rate
FEWEST_ROWS = 20  # of a reference
LONGEST_TAIL = 3.0  # upper spreads
SMALLEST = {DISTANCE: 0.1, SHARE: 0.02}  # unit -> a limit is at least that: less is of no concern
_SEED = 2026


@dataclass(frozen=True)
class Limits:
    """The limit of each signal, and what it was computed from."""

    values: Mapping[str, float]
    nominal: float  # the rate that was asked for
    level: float  # the rate of each signal alone
    realised: float | None  # in splits that the limits lack; None: too few of them


@dataclass(frozen=True)
class StableTraffic:
    """The values of every signal in windows of stable traffic."""

    reference: PreparedReference
    drawn: Values
    blocks: Blocks
    window: int  # rows of a drawn window
    params: DriftParams
    split: NDArray[np.int64]  # of each drawn window

    @classmethod
    def of(
        cls,
        reference: DataFrame,
        params: DriftParams,
        threshold: float | None = None,
        splits: int = SPLITS,
    ) -> StableTraffic:
        """Draw windows of `params.window` rows, or of 40 % of a reference that is too small.

        Raises InputError where the reference is smaller than any calibration needs.
        """
        if len(reference) < FEWEST_ROWS:
            raise InputError(
                f"the champion's reference has {len(reference)} trials, {FEWEST_ROWS} are needed "
                "for the limits of a drift check: train a champion with more eval trials"
            )
        random = np.random.default_rng(_SEED)
        thinned = Blocks.of(reference).thinned(params.window, random)
        reference = reference.iloc[thinned].reset_index(drop=True)
        blocks = Blocks.of(reference)
        window = min(params.window, max(1, 2 * len(reference) // 5))
        prepared = PreparedReference(reference, params.window, threshold)
        parts = [
            _split(reference, blocks, params, threshold, window, random) for _ in range(splits)
        ]
        names = set.intersection(*(set(part) for part in parts))
        drawn = {name: np.concatenate([part[name] for part in parts]) for name in names}
        split = np.repeat(np.arange(splits), WINDOWS)
        return cls(prepared, drawn, blocks, window, params, split)

    def limits(self, names: Iterable[str]) -> Limits:
        """The limits for the signals that a window has."""
        chosen = [name for name in BY_NAME if name in set(names) and name in self.drawn]
        rate = self.params.false_alarm_rate
        values, level = limits_of(self.drawn, chosen, rate)
        return Limits(values, rate, level, self._realised(chosen))

    def _realised(self, names: list[str]) -> float | None:
        """The share of windows with any signal over limits that come from the other splits."""
        folds = self.split % FOLDS
        if not names or len(set(folds.tolist())) < FOLDS:
            return None
        over = np.zeros(len(folds), dtype=np.bool_)
        for fold in range(FOLDS):
            others = {name: self.drawn[name][folds != fold] for name in names}
            limits, _ = limits_of(others, names, self.params.false_alarm_rate)
            for name in names:
                over[folds == fold] |= self.drawn[name][folds == fold] > limits[name]
        return float(over.mean())

    def to_json(self, limits: Limits) -> dict[str, Any]:
        """What the report says of false alarms."""
        return {
            "nominal": limits.nominal,
            "realised": limits.realised,
            "level": limits.level,
            "correction": "max-T over the signals",
            "drawn": len(next(iter(self.drawn.values()))),
            "drawn_window": self.window,
            "blocks": len(self.blocks.rows),
            "reference": self.reference.rows,
            "note": self.blocks.note,
        }


def limits_of(drawn: Values, names: list[str], rate: float) -> tuple[dict[str, float], float]:
    """The limit of each signal so that any is crossed at `rate`, and the level of each alone.

    Each signal is measured from its median in units of its upper spread, the limit is the quantile
    of the largest of them.
    """
    if not names:
        return {}, rate
    table = np.stack([drawn[name] for name in names], axis=1)  # (draws, signals)
    middle, high = np.quantile(table, [0.5, 0.95], axis=0)
    # the second: a signal that is nearly always 0 must not decide alone
    spread = np.maximum(high - middle, (table.max(axis=0) - middle) / LONGEST_TAIL)
    spread = np.maximum(spread, 1e-9)
    largest = ((table - middle) / spread).max(axis=1)
    reach = float(np.quantile(largest, 1.0 - rate, method="higher"))
    level = float((table > middle + reach * spread).mean())
    limits = {
        name: max(float(middle[i] + reach * spread[i]), SMALLEST.get(BY_NAME[name].unit, 0.0))
        for i, name in enumerate(names)
    }
    return limits, level


def _split(
    reference: DataFrame,
    blocks: Blocks,
    params: DriftParams,
    threshold: float | None,
    window: int,
    random: np.random.Generator,
) -> Values:
    """Windows from one half of the blocks against the other half, which the halving draws anew."""
    here, there = blocks.halves(random)
    half = reference.iloc[here.all_rows].reset_index(drop=True)
    prepared = PreparedReference(half, params.window, threshold)
    everything = np.arange(len(half))
    windows = ((rows, everything) for rows, _ in there.windows(window, WINDOWS, random))
    return prepared.measure_drawn(prepared.encode(reference), windows)
