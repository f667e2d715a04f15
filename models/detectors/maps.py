"""Where a detector has a map of frequency and time, for explanations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class MapLayer:
    """A module with a map (batch, channels, rows, columns) of frequency and time as output."""

    module: str  # its name within the detector
    hop: float  # samples from one column to the next
    first: float  # the sample in the middle of column 0
    # of the rows, lowest first; None: rows are no frequencies
    edges_hz: tuple[float, ...] | None = None
    unsigned: bool = False  # what reads the map takes its magnitudes
    time_first: bool = False  # the output is (batch, channels, columns, rows)


@dataclass(frozen=True)
class NodeLayer:
    """A graph over the rows or columns of the map, and the pooling that keeps the best nodes."""

    attention: str  # the name of a GraphAttention
    pool: str  # of the GraphPool after it
    along: Literal["frequency", "time"]
