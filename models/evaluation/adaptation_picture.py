"""The adaptation curve as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.evaluation.adaptation import AdaptationPoint
from models.evaluation.figure import pixel_figure

_LINES = {"fast": "-", "full": "--"}


def draw_curve(points: Sequence[AdaptationPoint], path: Path) -> None:
    """Write a PNG: the EER of each new attack over labels, and the rise of the known ones.

    Lines are means over seeds; a column of `points` is one attack and path.
    """
    attacks = sorted({point.attack for point in points})
    with pixel_figure(10.0, 4.6) as figure:
        new, known = figure.subplots(1, 2)
        for number, attack in enumerate(attacks):
            for way, line in _LINES.items():
                own = [p for p in points if (p.attack, p.path) == (attack, way)]
                counts = sorted({point.labels for point in own})
                style = {"color": f"C{number % 10}", "ls": line, "marker": "o", "ms": 3.0}
                if counts:
                    rates = [_mean([p.eer for p in own if p.labels == n]) for n in counts]
                    new.plot(counts, rates, label=f"{attack}, {way}", **style)
                    known.plot(counts, [_mean(_rises(own, n)) for n in counts], **style)
        for axes in (new, known):
            axes.set_xscale("symlog", linthresh=5)
            axes.set_xticks([0, 5, 10, 20, 50, 100], ["0", "5", "10", "20", "50", "100"])
            axes.set_xlabel("labelled clips of the new attack")
            axes.grid(lw=0.4, color="0.85")
        new.set_title("EER of the new attack (%)")
        new.set_ylim(bottom=0)
        known.set_title("mean rise of the EER of known attacks (points)")
        lines = new.get_legend_handles_labels()
        figure.legend(*lines, loc="outside lower center", ncols=6, frameon=False, fontsize=8)
        figure.savefig(path, dpi=110, metadata={"Software": None})


def _rises(points: Sequence[AdaptationPoint], labels: int) -> list[float]:
    """How much the EER of each known attack rose by these labels, with each seed."""
    first = {point.seed: point for point in points if point.labels == 0}
    return [
        rate - first[point.seed].others[name]
        for point in points
        if point.labels == labels
        for name, rate in point.others.items()
    ]


def _mean(values: Sequence[float]) -> float:
    return 100 * float(np.mean(values)) if values else 0.0
