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
                if not counts:
                    continue
                style = {"color": f"C{number % 10}", "ls": line, "marker": "o", "ms": 3.0}
                rates = [_mean([p.eer for p in own if p.labels == n]) for n in counts]
                new.plot(counts, rates, label=f"{attack}, {way}", **style)
                first = {p.seed: p for p in own if p.labels == 0}
                rises = [
                    _mean(
                        [
                            rate - first[p.seed].others[name]
                            for p in own
                            if p.labels == n
                            for name, rate in p.others.items()
                        ]
                    )
                    for n in counts
                ]
                known.plot(counts, rises, **style)
        for axes, title in ((new, "EER of the new attack (%)"), (known, "known attacks: rise")):
            axes.set_xscale("symlog", linthresh=5)
            axes.set_xticks([0, 5, 10, 20, 50, 100], ["0", "5", "10", "20", "50", "100"])
            axes.set_xlabel("labelled clips of the new attack")
            axes.set_title(title)
            axes.grid(lw=0.4, color="0.85")
        known.set_title("mean rise of the EER of known attacks (points)")
        new.set_ylim(bottom=0)
        handles, labels = new.get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside lower center", ncols=6, frameon=False, fontsize=8
        )
        figure.savefig(path, dpi=110, metadata={"Software": None})


def _mean(values: Sequence[float]) -> float:
    return 100 * float(np.mean(values)) if values else 0.0
