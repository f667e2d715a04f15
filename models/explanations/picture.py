"""Explanations as pictures that a person can read: over the spectrogram, in seconds and hertz."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.evaluation.figure import pixel_figure
from models.explanations.explanation import Contributions, Explanation, Map, Numbers

if TYPE_CHECKING:
    from models.explanations.explain import Explained

SAMPLE_RATE = 16_000  # Hz
FRAME, HOP = 512, 64  # samples: 32 ms every 4 ms
RANGE_DB = 70.0  # below the loudest point
FADED = 0.5  # share of the strongest colour from which on it is no longer clear
OPAQUE = 0.8  # of colour over the speech
COLOURS = 250  # of a file: a third of its size
TICKS_KHZ = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
RED, BLUE = "#b2182b", "#2166ac"  # the ends of matplotlib's RdBu
NAMES = {
    "integrated-gradients": "Integrated gradients",
    "smoothgrad": "SmoothGrad × waveform",
    "grad-cam": "Grad-CAM",
    "occlusion": "Occlusion",
    "acoustic-shapley": "Shapley values of readable features",
    "node-attention": "Attention of the graphs' nodes",
}


def draw(explained: Explained, method: str, path: Path, file: str) -> None:
    """Write a PNG of the explanation by one method."""
    from PIL import Image  # comes with matplotlib

    explanation = explained.explanations[method]
    with pixel_figure(9.0, 6.2) as figure:
        if isinstance(explanation, Map):
            _draw_map(figure, explained, explanation)
        else:
            _draw_contributions(figure, explained, explanation)
        title = _title(explained, method, explanation, file)
        figure.suptitle(title, fontsize=10, ha="left", x=0.01)
        figure.canvas.draw()
        pixels = np.asarray(figure.canvas.buffer_rgba())  # type: ignore[attr-defined]  # Agg's
    drawn = Image.fromarray(pixels).convert("RGB")
    drawn.quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(path, "PNG", optimize=True)


def _title(explained: Explained, method: str, explanation: Explanation, file: str) -> str:
    window = explained.window
    where = (
        f"{window.start_s:.2f} to {window.end_s:.2f} s of {explained.duration_s:.2f} s, "
        f"{window.chosen}"
    )
    score, blue = window.cm_score, ", blue: the reverse"
    if isinstance(explanation, Contributions):
        where, score = f"{explained.duration_s:.2f} s", explained.cm_score
    elif not explanation.signed:
        blue = ""
    lines = (
        f"{file} ({where})",
        f"cm_score {_number(score)} by {explained.detector}; higher is more bona fide",
        f"{NAMES.get(method, method)}. Red: {explanation.meaning}{blue}",
    )
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _draw_map(figure: Any, explained: Explained, heatmap: Map) -> None:
    start = explained.window.start_s
    beside, between = heatmap.over_hz is not None, heatmap.over_s is not None
    grid = figure.add_gridspec(
        3, 2, width_ratios=[1, 0.14 if beside else 0.001],
        height_ratios=[1, 0.22 if between else 0.001, 1.3],
    )  # fmt: skip
    below = figure.add_subplot(grid[2, 0])
    above = figure.add_subplot(grid[0, 0], sharex=below, sharey=below)
    below.set_yscale("function", functions=(_mel, _hertz))
    for axes in (above, below):
        shades = _spectrogram(axes, explained.window.waveform, start)
        axes.set_ylabel("frequency, kHz")
    colours = _overlay(below, heatmap, start)
    below.set_yticks(TICKS_KHZ, [f"{tick:g}" for tick in TICKS_KHZ])
    below.set_ylim(0.0, SAMPLE_RATE / 2000)
    below.set_xlim(start, explained.window.end_s)
    above.tick_params(labelbottom=False)
    below.set_xlabel("time in the recording, s")
    ends = "both" if heatmap.signed else "max"
    bars = {"location": "left", "shrink": 0.9}
    figure.colorbar(shades, ax=above, label="level, dB below loudest", **bars)
    figure.colorbar(colours, ax=below, label=heatmap.unit, extend=ends, **bars)
    if heatmap.over_hz is not None:
        _beside(figure.add_subplot(grid[2, 1], sharey=below), heatmap.edges_hz, heatmap)
    if heatmap.over_s is not None:
        _between(figure.add_subplot(grid[1, 0], sharex=below), heatmap.edges_s + start, heatmap)


def _mel(kilohertz: Numbers) -> Numbers:
    """The scale of hearing, on which AASIST's filters lie evenly."""
    return np.asarray(np.log1p(np.maximum(kilohertz, 0.0) / 0.7))


def _hertz(mel: Numbers) -> Numbers:
    return np.asarray(0.7 * np.expm1(mel))


def _spectrogram(axes: Any, waveform: NDArray[np.float32], start: float) -> Any:
    """Draw the speech in grey, darker where it is louder; return the drawn mesh."""
    padded = np.pad(waveform, FRAME // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(FRAME), axis=1)) ** 2
    decibels = 10.0 * np.log10(power.T / max(float(power.max()), 1e-20) + 1e-12)
    seconds = start + (np.arange(len(frames) + 1) - 0.5) * HOP / SAMPLE_RATE
    kilohertz = (np.arange(len(decibels) + 1) - 0.5).clip(min=0) * SAMPLE_RATE / FRAME / 1000
    return axes.pcolormesh(
        seconds, kilohertz, decibels, cmap="gray_r", vmin=-RANGE_DB, vmax=0.0, rasterized=True
    )


def _overlay(axes: Any, heatmap: Map, start: float) -> Any:
    """Draw the map in colour, transparent where values are small; return the colour scale."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    most = _strongest(heatmap.values)
    norm = Normalize(-most if heatmap.signed else 0.0, most)
    colours = ScalarMappable(norm, "RdBu_r" if heatmap.signed else "Reds")
    pixels = colours.to_rgba(heatmap.values)
    pixels[..., 3] = np.clip(np.abs(heatmap.values) / (FADED * most), 0.0, 1.0) * OPAQUE
    axes.pcolormesh(heatmap.edges_s + start, heatmap.edges_hz / 1000, pixels)
    return colours


def _strongest(values: Numbers) -> float:
    """The value of full colour: a few points above it do not make the others pale."""
    magnitudes = np.abs(values)
    return float(np.percentile(magnitudes, 99.5)) or float(magnitudes.max()) or 1.0


def _beside(axes: Any, edges_hz: Numbers, heatmap: Map) -> None:
    """Draw the value of each whole band."""
    values, edges = np.asarray(heatmap.over_hz), edges_hz / 1000
    axes.barh(edges[:-1], values, np.diff(edges), align="edge", color=_colours(values, heatmap))
    axes.axvline(0, color="black", lw=0.6)
    axes.tick_params(labelleft=False, labelsize=8)
    axes.set_title("whole band", fontsize=8)


def _between(axes: Any, edges_s: Numbers, heatmap: Map) -> None:
    """Draw the value of each whole time."""
    values = np.asarray(heatmap.over_s)
    axes.bar(edges_s[:-1], values, np.diff(edges_s), align="edge", color=_colours(values, heatmap))
    axes.axhline(0, color="black", lw=0.6)
    axes.tick_params(labelbottom=False, labelsize=8)
    axes.set_ylabel("all of\na time", fontsize=8)


def _colours(values: Numbers, explanation: Explanation) -> list[str]:
    signed = isinstance(explanation, Contributions) or explanation.signed
    return [BLUE if signed and value < 0 else RED for value in values]


def _draw_contributions(figure: Any, explained: Explained, contributions: Contributions) -> None:
    axes = figure.add_subplot()
    order = np.argsort(np.abs(contributions.shares))
    names, values, usual = contributions.names, contributions.values, contributions.usual
    labels = [f"{names[i]}: {values[i]:.4g}\n(usually {usual[i]:.4g})" for i in order]
    shares = contributions.shares[order]
    axes.barh(range(len(order)), shares, color=_colours(shares, contributions))
    axes.set_yticks(range(len(order)), labels, fontsize=8)
    axes.axvline(0, color="black", lw=0.8)
    figures = contributions.figures
    lines = (
        "share of the surrogate's cm_score towards spoof",
        f"surrogate {_number(figures['surrogate'])} (usually {_number(figures['usual'])}), "
        f"detector {_number(explained.cm_score)}; fitted on {figures['files']:.0f} files,",
        f"it tells {100 * max(figures['r2'], 0.0):.0f} % of the variance of scores it has not seen",
    )
    axes.set_xlabel("\n".join(lines))
