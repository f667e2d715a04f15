"""A reference, prepared to measure windows of traffic and windows that are drawn from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.evaluation.sketch import SKETCH_COLUMNS
from monitoring.blocks import Rows
from monitoring.distances import Floats, Kernel, domain_auc, mmd, transport, wasserstein, witness
from monitoring.shares import Known, Shares, rows_known, rows_of, with_share
from monitoring.signals import COLUMNS, DIRECTION_NAMES, DOMAIN_AUC, MMD

if TYPE_CHECKING:
    from pandas import DataFrame, Series

SMALLEST_SPREAD = 0.001  # a column with less counts as constant
REACH = 5.0  # standard deviations from the median beyond which a value counts as if it were there
FEWEST_VALUES = 10  # of a column in a window; with fewer it is left out


@dataclass(frozen=True)
class Measured:
    """The value of a signal in a window."""

    value: float
    n: int  # requests that it is computed from
    carried: Floats | None = None  # (window,) the part of each request; NaN where it has none


@dataclass(frozen=True)
class _Column:
    """One column of the reference in its standard deviations, without absurd values."""

    low: float
    high: float
    spread: float
    values: Floats  # (rows,)

    @classmethod
    def of(cls, values: Series[float], rows: int) -> _Column:
        """Bounds follow from the quartiles, which one absurd value does not move."""
        low, middle, high = (float(q) for q in values.quantile([0.25, 0.5, 0.75]))
        scale = max((high - low) / 1.349 or float(values.std(ddof=0)), SMALLEST_SPREAD)
        reach = max(REACH, rows / 40) * scale  # a value moves a distance by 1/40 of a deviation
        clipped = values.fillna(middle).clip(middle - reach, middle + reach).to_numpy(np.float64)
        spread = max(float(clipped.std()), SMALLEST_SPREAD)
        scaled = np.asarray(clipped / spread, dtype=np.float64)
        return cls(middle - reach, middle + reach, spread, scaled)

    def scaled(self, values: Floats) -> Floats:
        """Values of a window, NaN where missing."""
        return np.asarray(np.clip(values, self.low, self.high) / self.spread)


@dataclass(frozen=True)
class _Space:
    """The principal directions of the sketches, and a kernel on them."""

    columns: dict[str, _Column]
    middle: Floats  # (axes,)
    directions: Floats  # (axes, kept), which give points of variance 1
    kernel: Kernel
    points: Floats  # (rows, kept)
    features: Floats  # (rows, FEATURES)

    @classmethod
    def of(cls, columns: dict[str, _Column]) -> _Space:
        sketches = np.stack([column.values for column in columns.values()], axis=1)
        middle = sketches.mean(axis=0)
        _, sizes, directions = np.linalg.svd(sketches - middle, full_matrices=False)
        deviations = sizes / np.sqrt(len(sketches))
        kept = deviations > 1e-3 * max(float(deviations.max(initial=0.0)), 1e-9)
        turned = directions[kept].T / deviations[kept]
        points = (sketches - middle) @ turned
        kernel = Kernel.of(points)
        return cls(columns, middle, turned, kernel, points, kernel.features(points))

    def points_of(self, window: DataFrame) -> tuple[Rows, Floats]:
        """The rows that have a sketch, and their points (n, kept)."""
        scaled = [c.scaled(window[name].to_numpy(np.float64)) for name, c in self.columns.items()]
        sketches = np.stack(scaled, axis=1)
        rows = np.flatnonzero(np.isfinite(sketches).all(axis=1))
        return rows, (sketches[rows] - self.middle) @ self.directions


@dataclass(frozen=True)
class Encoded:
    """Rows as columns in deviations of the reference, kernel features and what is known."""

    names: tuple[str, ...]
    columns: Floats  # (columns, rows)
    features: NDArray[np.float32] | None  # (rows, FEATURES)
    known: Known


class PreparedReference:
    """What every window is compared with, for windows of about so many rows.

    `threshold` is the champion's: what its verdicts follow from; None leaves out what needs them.
    """

    def __init__(self, reference: DataFrame, rows: int, threshold: float | None = None) -> None:
        reference = _finite(reference)
        self.rows = len(reference)
        self._columns = {
            name: _Column.of(reference[name], rows)
            for name in COLUMNS
            if name in reference and reference[name].notna().any()
        }
        self._space = _space(reference, rows)
        self._shares = Shares.of(rows_known(reference, threshold))
        self._threshold = threshold

    def measure(self, window: DataFrame, rows: Rows | None = None) -> dict[str, Measured]:
        """Every signal that both sides have, against the reference or some rows of it."""
        window = _finite(window)
        chosen = np.arange(self.rows) if rows is None else rows
        return {
            **dict(self._distances(window, chosen)),
            **dict(self._embeddings(window, chosen)),
            **self._rates(window, chosen),
        }

    def rows_of_share(self, window: DataFrame) -> Rows | None:
        """Rows in which spoofs are as frequent as they are estimated to be in a window."""
        known, labels = rows_of(_finite(window), self._threshold), self._shares.known.spoof
        if known.refused is None or labels is None:
            return None
        share = self._shares.spoof_share(known.refused)
        return None if share is None else with_share(labels, share)

    def encode(self, frame: DataFrame | None = None) -> Encoded:
        """Every column of rows without gaps, to draw windows from; None: its own rows."""
        if frame is None:
            points = None if self._space is None else self._space.points
            sides = {name: column.values for name, column in self._columns.items()}
            known = self._shares.known
        else:
            frame = _finite(frame)
            points = None if self._space is None else self._space.points_of(frame)[1]
            sides = {
                name: column.scaled(frame[name].fillna(0.0).to_numpy(np.float64))
                for name, column in self._columns.items()
            }
            known = rows_known(frame, self._threshold)
        features = None
        if self._space is not None and points is not None:
            sides |= dict(zip(DIRECTION_NAMES, points.T, strict=False))
            features = self._space.kernel.features(points).astype(np.float32)
        return Encoded(tuple(sides), np.stack(list(sides.values())), features, known)

    def measure_drawn(
        self, source: Encoded, windows: Iterable[tuple[Rows, Rows]]
    ) -> dict[str, NDArray[np.float64]]:
        """Every signal (windows,) of windows drawn from a source, each against its own rows."""
        own = self.encode()
        drawn = [self._drawn(source, own, window, rest) for window, rest in windows]
        return {name: np.array([values[name] for values in drawn]) for name in drawn[0]}

    def _drawn(self, source: Encoded, own: Encoded, window: Rows, rest: Rows) -> dict[str, float]:
        sides = (source.columns[:, window], own.columns[:, rest])
        distances = wasserstein(*(np.sort(side, axis=1).T for side in sides))
        values = dict(zip(own.names, distances.tolist(), strict=True))
        if source.features is not None and own.features is not None:
            features, expected = source.features[window], own.features[rest]
            values[MMD.name] = mmd(features, expected)
            values[DOMAIN_AUC.name] = domain_auc(features, expected)
        return values | self._shares.of_rows(source.known, window, rest)

    def _distances(self, window: DataFrame, rows: Rows) -> Iterator[tuple[str, Measured]]:
        for name, column in self._columns.items():
            if name in window and window[name].count() >= FEWEST_VALUES:
                values = column.scaled(window[name].to_numpy(np.float64))
                yield name, _carried(values, column.values[rows])

    def _embeddings(self, window: DataFrame, rows: Rows) -> Iterator[tuple[str, Measured]]:
        space = self._space
        if space is None or not set(space.columns) <= set(window):
            return
        held, points = space.points_of(window)
        if len(held) < FEWEST_VALUES:
            return
        for number, name in enumerate(DIRECTION_NAMES[: points.shape[1]]):
            values = np.full(len(window), np.nan)
            values[held] = points[:, number]
            yield name, _carried(values, space.points[rows, number])
        features, expected = space.kernel.features(points), space.features[rows]
        alike = np.full(len(window), np.nan)
        alike[held] = witness(features, expected)[0]
        yield MMD.name, Measured(mmd(features, expected), len(held), alike)
        yield DOMAIN_AUC.name, Measured(domain_auc(features, expected), len(held), alike)

    def _rates(self, window: DataFrame, rows: Rows) -> dict[str, Measured]:
        known = rows_of(window, self._threshold)
        return {
            name: Measured(rate.value, rate.n, rate.rows)
            for name, rate in self._shares.of_window(known, rows).items()
        }


def _carried(values: Floats, reference: Floats) -> Measured:
    """The distance of a column of a window, NaN where a row has no value."""
    held = np.isfinite(values)
    carried = np.full(len(values), np.nan)
    carried[held] = transport(values[held], np.sort(reference))
    return Measured(float(carried[held].mean()), int(held.sum()), carried)


def _space(reference: DataFrame, rows: int) -> _Space | None:
    columns = {
        name: _Column.of(reference[name], rows)
        for name in SKETCH_COLUMNS
        if name in reference and reference[name].notna().any()
    }
    return _Space.of(columns) if columns else None


def _finite(frame: DataFrame) -> DataFrame:
    return frame.replace([np.inf, -np.inf], np.nan).reset_index(drop=True)
