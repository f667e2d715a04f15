"""The curves of both detectors as SVG: the same scores give the same bytes.

Nothing that a data set names is written into a picture: names stand in the page around it.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from models.evaluation.calibration import Calibration
from models.evaluation.det_picture import deviate
from models.evaluation.metrics.eer import eer
from models.evaluation.plots import det_curve, score_histogram
from models.evaluation.scores import Scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CANDIDATE, CHAMPION = "#0b5fa5", "#8a5a00"  # apart for every eye, and in grey by their lines
BONAFIDE, SPOOF = "#1b7f5c", "#b3362b"
LINES = {"candidate": (CANDIDATE, "-"), "champion": (CHAMPION, "--")}
BINS = 10  # of the reliability plot
_LOWEST, _MIDDLE, _HIGHEST = 0.05, 50.0, 95.0  # percent: edges of a DET plot
_TICKS = (0.1, 0.5, 1, 2, 5, 10, 20, 40, 60, 80, 90)  # percent
_POOR = 25.0  # percent: an EER whose curve needs more of the plane
_LOOKS: dict[Any, Any] = {
    "svg.hashsalt": "antiphon",
    "svg.fonttype": "path",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "text.parse_math": False,
}


def det_picture(scores: Mapping[str, Scores]) -> str:
    """DET curves: misses over false alarms, both axes normal deviates; lower left is better."""
    with _figure(4.6, 4.2) as (figure, svg):
        axes = figure.add_subplot()
        worst = 0.0
        for name, side in scores.items():
            curve, rate = det_curve(side), 100 * eer(side.bonafide, side.spoof)
            colour, line = LINES[name]
            worst = max(worst, rate)
            axes.plot(
                [point["false_alarm_deviate"] for point in curve],
                [point["miss_deviate"] for point in curve],
                color=colour, ls=line, lw=1.6,
                label=f"{name}: EER {rate:.2f} %",
            )  # fmt: skip
        _deviate_axes(axes, _MIDDLE if worst < _POOR else _HIGHEST)
        axes.legend(loc="upper right", frameon=False)
    return svg()


def histogram_picture(scores: Mapping[str, Scores], thresholds: Mapping[str, float | None]) -> str:
    """Scores of both classes, one panel a detector; the threshold is a line where it is known."""
    with _figure(4.6, 2.1 * len(scores)) as (figure, svg):
        panels = figure.subplots(len(scores), 1, squeeze=False)[:, 0]
        for axes, (name, side) in zip(panels, scores.items(), strict=True):
            rows = score_histogram(side)
            places = [float(row["cm_score"]) for row in rows]
            half = (places[1] - places[0]) / 2
            edges = [places[0] - half, *(place + half for place in places)]
            for label, colour, line in (("bonafide", BONAFIDE, "-"), ("spoof", SPOOF, "--")):
                heights = [100 * float(row[label]) for row in rows]
                word = "bona fide" if label == "bonafide" else label
                axes.stairs(heights, edges, fill=True, color=colour, alpha=0.25)
                axes.stairs(heights, edges, color=colour, ls=line, lw=1.2, label=word)
            threshold = thresholds.get(name)
            if threshold is not None:
                axes.axvline(threshold, color="black", lw=1.0, label="threshold")
            axes.set_title(name, loc="left", fontsize=9.0)
            axes.set_ylabel("% of the class")
        figure.legend(
            *panels[-1].get_legend_handles_labels(), loc="outside upper right", ncols=3,
            frameon=False,
        )  # fmt: skip
        panels[-1].set_xlabel("cm_score (higher: more bona fide)")
    return svg()


def reliability_picture(
    scores: Mapping[str, Scores], calibrations: Mapping[str, Calibration]
) -> str:
    """What share of trials is bona fide where the detector says so with a probability.

    Both classes weigh alike; a marker grows with the weight of its bin. On the diagonal,
    probabilities mean what they say.
    """
    with _figure(4.6, 4.2) as (figure, svg):
        axes = figure.add_subplot()
        axes.plot([0, 100], [0, 100], color="grey", lw=0.8, ls=":")
        for name, side in scores.items():
            mean, share, weight = reliability(side, calibrations[name])
            colour, line = LINES[name]
            axes.plot(mean, share, color=colour, ls=line, lw=1.2, label=name)
            axes.scatter(mean, share, s=8 + 160 * weight, color=colour, alpha=0.6, lw=0)
        axes.set_xlim(-2, 102)
        axes.set_ylim(-2, 102)
        axes.set_aspect("equal")
        axes.grid(lw=0.4, color="0.85")
        axes.set_xlabel("said: probability of bona fide (%)")
        axes.set_ylabel("found: share that is bona fide (%)")
        axes.legend(loc="upper left", frameon=False)
    return svg()


def reliability(scores: Scores, calibration: Calibration) -> tuple[Any, Any, Any]:
    """Mean probability said and share found, both (bins,) in percent, and the weight of each bin.

    The weights of both classes add up to one half each; bins without trials are left out.
    """
    probabilities = (1 + np.tanh(calibration.llr(scores.cm_scores) / 2)) / 2
    real = scores.is_bonafide
    weights = np.where(real, 0.5 / real.sum(), 0.5 / (~real).sum())
    places = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
    weight = np.bincount(places, weights, BINS)
    filled = weight > 0
    mean = np.bincount(places, weights * probabilities, BINS)[filled] / weight[filled]
    share = np.bincount(places, weights * real, BINS)[filled] / weight[filled]
    return 100 * mean, 100 * share, weight[filled]


def _deviate_axes(axes: Axes, highest: float) -> None:
    """Ticks in percent, up to `highest`."""
    edges = [deviate(_LOWEST), deviate(highest)]
    axes.plot(edges, edges, lw=0.8, ls=":", color="grey")
    ticks = [percent for percent in _TICKS if percent <= highest]
    axes.set_xticks([deviate(percent) for percent in ticks], [f"{p:g}" for p in ticks])
    axes.set_yticks([deviate(percent) for percent in ticks], [f"{p:g}" for p in ticks])
    axes.set_xlim(*edges)
    axes.set_ylim(*edges)
    axes.set_aspect("equal")
    axes.grid(lw=0.4, color="0.85")
    axes.set_xlabel("false alarms: spoofs accepted (%)")
    axes.set_ylabel("misses: bona fide trials refused (%)")


@contextmanager
def _figure(width: float, height: float) -> Iterator[tuple[Figure, Callable[[], str]]]:
    """A figure of so many inches, and what gives it as a data URI once it is drawn."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    drawn: list[str] = []
    with rc_context(_LOOKS):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        yield figure, lambda: drawn[0]
        data = io.BytesIO()
        figure.savefig(data, format="svg", metadata={"Date": None, "Creator": None})
    drawn.append(f"data:image/svg+xml;base64,{base64.b64encode(data.getvalue()).decode()}")
