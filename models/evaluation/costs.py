"""What detectors cost to serve, as the gate compares them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """Latency, file size and memory of the graph of a detector."""

    latency_ms: float  # of one core for one window, the median
    bytes: int  # of the graph's file
    memory_bytes: int | None = None  # at its peak, of a process that runs it; None: not measured


@dataclass(frozen=True)
class Costs:
    """Of both detectors, measured in turns on one machine; no champion: None."""

    candidate: Cost
    champion: Cost | None = None

    @property
    def saving(self) -> float:
        """The share of the champion's latency or size that is saved, whichever is more."""
        if self.champion is None:
            return 0.0
        latency = self.candidate.latency_ms / self.champion.latency_ms
        return 1.0 - min(latency, self.candidate.bytes / self.champion.bytes)
