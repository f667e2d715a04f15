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
from monitoring.blocks import FEWEST_BLOCKS, Blocks
from monitoring.prepared import PreparedReference
from monitoring.signals import BY_NAME, DISTANCE, SHARE

if TYPE_CHECKING:
    from pandas import DataFrame

Values = Mapping[str, NDArray[np.float64]]  # name of a signal -> (windows,)
DRAWS = 500  # windows that limits come from
SPLITS, SPLIT_DRAWS, HELD_OUT = (
    5,
    100,
    40,
)  # of the realised rate: halves of blocks, windows of both
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
    realised: float | None  # on blocks that the limits have not seen; None: too few of them


@dataclass(frozen=True)
class HeldOut:
    """Signals in windows of one half of the blocks, and in those of the other half against it."""

    drawn: Values
    judged: Values


@dataclass(frozen=True)
class Calibration:
    """The values of every signal in windows of stable traffic."""

    reference: PreparedReference
    drawn: Values
    blocks: Blocks
    window: int  # rows of a drawn window
    params: DriftParams
    held_out: tuple[HeldOut, ...]

    @classmethod
    def of(
        cls,
        reference: DataFrame,
        params: DriftParams,
        threshold: float | None = None,
        draws: int = DRAWS,
        splits: int = SPLITS,
    ) -> Calibration:
        """Draw windows of `params.window` rows, or of half of a reference that is too small.

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
        splits = splits if len(blocks.rows) >= 2 * FEWEST_BLOCKS else 0
        window = min(params.window, max(1, len(reference) // 2))
        prepared = PreparedReference(reference, params.window, threshold)
        drawn = prepared.measure_drawn(prepared.encode(), blocks.windows(window, draws, random))
        halves = tuple(_split(reference, blocks, params, threshold, random) for _ in range(splits))
        return cls(prepared, drawn, blocks, window, params, halves)

    def limits(self, names: Iterable[str]) -> Limits:
        """The limits for the signals that a window has."""
        chosen = [name for name in BY_NAME if name in set(names) and name in self.drawn]
        rate = self.params.false_alarm_rate
        values, level = limits_of(self.drawn, chosen, rate)
        crossed = [_crossed(pair, chosen, rate) for pair in self.held_out]
        return Limits(values, rate, level, float(np.mean(crossed)) if crossed else None)

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
    random: np.random.Generator,
) -> HeldOut:
    """Two halves of the blocks, drawn anew."""
    first, second = blocks.halves(random)
    here, there = (reference.iloc[rows].reset_index(drop=True) for rows in (first, second))
    prepared = PreparedReference(here, params.window, threshold)
    window = min(params.window, max(1, len(here) // 2))
    own = Blocks.of(here).windows(window, SPLIT_DRAWS, random)
    drawn = prepared.measure_drawn(prepared.encode(), own)
    everything = np.arange(len(here))
    others = ((rows, everything) for rows, _ in Blocks.of(there).windows(window, HELD_OUT, random))
    return HeldOut(drawn, prepared.measure_drawn(prepared.encode(there), others))


def _crossed(pair: HeldOut, names: list[str], rate: float) -> float:
    """The share of judged windows with any signal over its limit."""
    chosen = [name for name in names if name in pair.drawn and name in pair.judged]
    limits, _ = limits_of(pair.drawn, chosen, rate)
    over = [pair.judged[name] > limits[name] for name in chosen]
    return float(np.any(over, axis=0).mean()) if over else 0.0
