"""The scores of a recording's windows as a picture: where it sounds spoofed to the detector."""

from __future__ import annotations

from dataclasses import dataclass

from infra.tables import ScoredRequest

HEIGHT, WIDTH = 60.0, 600.0  # units of the picture
MARGIN = 0.1  # of the height, above the highest score and below the lowest


@dataclass(frozen=True)
class WindowBar:
    """One window: a line at its score, over its time."""

    start_s: float
    end_s: float
    cm_score: float
    is_spoof: bool  # its own score is below the threshold
    left: float
    right: float
    y: float


@dataclass(frozen=True)
class Timeline:
    """All windows, and the threshold."""

    bars: tuple[WindowBar, ...]
    threshold_y: float
    lowest: WindowBar


def timeline_of(request: ScoredRequest) -> Timeline | None:
    """The picture of a scored request; None where an older endpoint kept no scores of windows."""
    kept = request.window_scores
    if not kept or not kept["cm_scores"]:
        return None
    scores = [*kept["cm_scores"], request.threshold]
    low, high = min(scores), max(scores)
    span = max(high - low, 1e-6)

    def y(score: float) -> float:
        return float(HEIGHT * (1 - MARGIN - (score - low) / span * (1 - 2 * MARGIN)))

    bars = tuple(
        WindowBar(
            start_s=start,
            end_s=min(start + kept["window_s"], request.duration_s),
            cm_score=score,
            is_spoof=score < request.threshold,
            left=WIDTH * start / request.duration_s,
            right=WIDTH * min((start + kept["window_s"]) / request.duration_s, 1.0),
            y=y(score),
        )
        for start, score in zip(kept["starts_s"], kept["cm_scores"], strict=True)
    )
    return Timeline(bars, y(request.threshold), min(bars, key=lambda bar: bar.cm_score))
