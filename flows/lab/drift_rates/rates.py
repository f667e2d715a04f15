"""Rates of alarms and times to them, on streams of traffic from callers that the limits lack.

The callers of a corpus are split in two: one half is the reference, the other makes the traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from flows.lab.drift_rates.streams import CHECKS, Stream, stream
from models.params.drift import DriftParams
from monitoring.blocks import Blocks
from monitoring.limits import StableTraffic
from monitoring.signals import KNOWN_FALSE_ALARMS, KNOWN_MISSES

if TYPE_CHECKING:
    from pandas import DataFrame

    from monitoring.prepared import Encoded

HALVINGS = 15  # that the limits of a split come from
SEED = 2026
_REVIEWED = {KNOWN_MISSES.name, KNOWN_FALSE_ALARMS.name}  # nobody reviews these streams


@dataclass(frozen=True)
class Scenario:
    """One change of traffic, as rows of the table of all rows."""

    name: str
    kind: str  # stable | attack | channel
    known: bool | None  # whether the detector has learnt the attack
    rows: NDArray[np.int64]  # that the change brings; of every caller


@dataclass
class Rates:
    """What the streams of one scenario came to."""

    scenario: Scenario
    over: list[bool] = field(default_factory=list)  # the first full window after the change
    delays: list[float] = field(default_factory=list)  # requests to the alarm; inf: none
    preset: list[bool] = field(default_factory=list)  # of that window, by Evidently's preset
    signals: list[str] = field(default_factory=list)  # that were over in that window

    def to_json(self, signals: int = 3) -> dict[str, Any]:
        """Shares, and the median time among the streams that alarmed."""
        reached = [delay for delay in self.delays if np.isfinite(delay)]
        names, counts = np.unique(self.signals, return_counts=True)
        order = np.argsort(-counts, kind="stable")[:signals]
        return {
            "name": self.scenario.name,
            "kind": self.scenario.kind,
            "known": self.scenario.known,
            "streams": len(self.delays),
            "over": float(np.mean(self.over)),
            "alarms": len(reached) / len(self.delays),
            "median_requests": float(np.median(reached)) if reached else None,
            "preset": float(np.mean(self.preset)) if self.preset else None,
            "preset_windows": len(self.preset),
            "signals": [str(names[i]) for i in order],
        }


@dataclass(frozen=True)
class Trials:
    """How much is simulated."""

    splits: int = 12
    streams: int = 8  # of each scenario in each split
    preset: int = 1  # of them, how many Evidently's preset judges too
    share: float = 0.5  # of the requests after a change that it concerns


Preset = Callable[["DataFrame", "DataFrame"], bool]


def rates_of(
    table: DataFrame,
    stable: NDArray[np.int64],
    scenarios: Sequence[Scenario],
    params: DriftParams,
    threshold: float | None,
    trials: Trials,
    preset: Preset | None = None,
    on_split: Callable[[], object] = lambda: None,
) -> list[Rates]:
    """Simulate every scenario; `stable` are the rows of traffic as it is."""
    results = [Rates(scenario) for scenario in scenarios]
    random = np.random.default_rng(SEED)
    for _ in range(trials.splits):
        split = _Split.drawn(table, stable, random)
        watches: dict[str | None, _Watch] = {}
        for result in results:
            attack = result.scenario.name if result.scenario.kind == "attack" else None
            left_out = attack if attack in set(table["attack_id"].to_numpy()[stable]) else None
            if left_out not in watches:
                watches[left_out] = _Watch.of(table, split, left_out, params, threshold)
            _simulate(watches[left_out], result, trials, random, preset)
        on_split()
    return results


@dataclass(frozen=True)
class _Split:
    reference: NDArray[np.int64]  # rows of the table
    traffic: NDArray[np.int64]
    callers: frozenset[str]  # of the traffic

    @classmethod
    def drawn(
        cls, table: DataFrame, stable: NDArray[np.int64], random: np.random.Generator
    ) -> _Split:
        halves = Blocks.of(table.iloc[stable].reset_index(drop=True)).halves(random)
        reference, traffic = (stable[half.all_rows] for half in halves)
        callers = frozenset(table["speaker_id"].to_numpy()[traffic])
        return cls(reference, traffic, callers)


@dataclass(frozen=True)
class _Watch:
    """A calibrated reference, and the traffic that it is to watch."""

    table: DataFrame
    split: _Split
    reference: DataFrame
    calibration: StableTraffic
    encoded: Encoded
    traffic: NDArray[np.int64]
    limits: dict[str, float]

    @classmethod
    def of(
        cls,
        table: DataFrame,
        split: _Split,
        left_out: str | None,
        params: DriftParams,
        threshold: float | None,
    ) -> _Watch:
        attacks = table["attack_id"].to_numpy()
        kept = split.reference[attacks[split.reference] != (left_out or "-")]
        traffic = split.traffic[attacks[split.traffic] != (left_out or "-")]
        reference = table.iloc[kept].reset_index(drop=True)
        calibration = StableTraffic.of(reference, params, threshold, splits=HALVINGS)
        limits = calibration.limits(set(calibration.drawn) - _REVIEWED)
        encoded = calibration.reference.encode(table)
        return cls(table, split, reference, calibration, encoded, traffic, dict(limits.values))

    def blocks(self, rows: NDArray[np.int64]) -> Blocks:
        """Rows of the table in blocks of callers."""
        blocks = Blocks.of(self.table.iloc[rows].reset_index(drop=True))
        return Blocks(tuple(rows[block] for block in blocks.rows))

    def over(self, drawn: Stream) -> dict[str, NDArray[np.bool_]]:
        """For each signal, in which windows of a stream it is over its limit."""
        own = np.arange(self.calibration.reference.rows)
        windows = ((window, own) for window in drawn.windows())
        values = self.calibration.reference.measure_drawn(self.encoded, windows)
        return {name: values[name] > limit for name, limit in self.limits.items()}


def _simulate(
    watch: _Watch,
    result: Rates,
    trials: Trials,
    random: np.random.Generator,
    preset: Preset | None,
) -> None:
    stable, changed = watch.blocks(watch.traffic), _changed(watch, result.scenario)
    window = watch.calibration.params.window
    for number in range(trials.streams):
        drawn = stream(stable, changed, trials.share, window, random)
        over = watch.over(drawn)
        full = drawn.first + CHECKS  # the window that is the first to hold no earlier request
        moved = [name for name, flags in over.items() if flags[full]]
        result.over.append(bool(moved))
        result.signals += moved
        result.delays.append(_delay(over, drawn, watch.calibration.params.windows))
        if preset is not None and number < trials.preset:
            rows = list(drawn.windows())[full]
            shown = [name for name in watch.table.columns if name in _numbers(watch.table)]
            result.preset.append(preset(watch.table.iloc[rows][shown], watch.reference[shown]))


def _numbers(table: DataFrame) -> list[str]:
    return list(table.select_dtypes("number").columns)


def _changed(watch: _Watch, scenario: Scenario) -> Blocks | None:
    """The rows that a change brings: of a channel, those of callers of the traffic alone."""
    if scenario.kind == "stable":
        return None
    rows = scenario.rows
    if scenario.kind == "channel":
        speakers = watch.table["speaker_id"].to_numpy()[rows]
        rows = rows[np.isin(speakers, list(watch.split.callers))]
    return watch.blocks(rows)


def _delay(over: dict[str, NDArray[np.bool_]], drawn: Stream, windows: int) -> float:
    """Requests after the change until one signal was over in so many windows in a row."""
    step = max(1, drawn.window // CHECKS)
    for check in range(drawn.first + 1, len(next(iter(over.values())))):
        places = [check - back * CHECKS for back in range(windows)]
        if places[-1] >= 0 and any(all(flags[p] for p in places) for flags in over.values()):
            return float((check - drawn.first) * step)
    return float("inf")
