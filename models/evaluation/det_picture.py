"""DET curves of several detectors in one picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import NormalDist

from models.evaluation.figure import pixel_figure
from models.evaluation.metrics.eer import eer
from models.evaluation.plots import det_curve
from models.evaluation.scores import Scores

TICKS = (0.1, 0.5, 1, 2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90)  # percent
EDGES = (0.05, 95.0)  # percent: what is drawn


def draw_det(scores: Mapping[str, Scores], path: Path, title: str = "") -> None:
    """Write a PNG: misses over false alarms, both axes normal deviates; lower left is better.

    Detectors of any names, each with scores of both classes. The EER of a curve is where it meets
    the dotted line.
    """
    with pixel_figure(7.2, 6.6) as figure:
        axes = figure.add_subplot()
        styles = [*((f"C{n}", "-") for n in range(10)), *((f"C{n}", "--") for n in range(10))]
        for number, (name, scored) in enumerate(scores.items()):
            colour, line = styles[number % len(styles)]
            curve = det_curve(scored)
            rate = 100 * eer(scored.bonafide, scored.spoof)
            axes.plot(
                [point["false_alarm_deviate"] for point in curve],
                [point["miss_deviate"] for point in curve],
                lw=1.6,
                color=colour,
                ls=line,
                label=f"{name}: EER {rate:.2f} %",
            )
        low, high = (deviate(percent) for percent in EDGES)
        axes.plot([low, high], [low, high], lw=0.8, ls=":", color="grey")
        places = [deviate(percent) for percent in TICKS]
        labels = [f"{percent:g}" for percent in TICKS]
        axes.set_xticks(places, labels)
        axes.set_yticks(places, labels)
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
        axes.set_aspect("equal")
        axes.grid(lw=0.4, color="0.85")
        axes.set_xlabel("false alarms: spoofs accepted (%)")
        axes.set_ylabel("misses: bona fide trials rejected (%)")
        axes.set_title(title or "DET curves")
        axes.legend(loc="upper right", frameon=False)
        figure.savefig(path, dpi=110, metadata={"Software": None})


def deviate(percent: float) -> float:
    """Where a rate in percent stands on an axis of normal deviates."""
    return NormalDist().inv_cdf(percent / 100)
