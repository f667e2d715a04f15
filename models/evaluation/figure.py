"""The paper that pictures are drawn on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@contextmanager
def pixel_figure(width: float, height: float) -> Iterator[Figure]:
    """A figure of so many inches, to be drawn and saved as pixels inside the block.

    Its words are words: names of attacks, detectors and files may hold `$` or a backslash.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context({"text.parse_math": False}):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
