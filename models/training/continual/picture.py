"""A forgetting matrix as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.evaluation.figure import pixel_figure
from models.training.continual.forgetting import ForgettingMatrix

TITLE = "EER (%) of each attack after each stage; framed: first learnt from"
WIDTH_OF_TITLE = 6.2  # inches


def draw_forgetting(matrix: ForgettingMatrix, path: Path, title: str = "") -> None:
    """Write a PNG: a row a stage, a column an attack, EER in percent; framed where first learnt."""
    from matplotlib.patches import Rectangle

    attacks, stages = matrix.attacks, matrix.stages
    values = np.array([[100 * row.get(a, np.nan) for a in attacks] for row in matrix.eers])
    values = values.reshape(len(stages), len(attacks))
    width = max(WIDTH_OF_TITLE, 2.5 + 0.75 * len(attacks))
    with pixel_figure(width, 1.8 + 0.45 * len(stages)) as figure:
        axes = figure.add_subplot()
        axes.imshow(values, cmap="OrRd", vmin=0, vmax=50, aspect="auto")
        axes.set_xticks(range(len(attacks)), attacks, rotation=35, ha="right")
        axes.set_yticks(range(len(stages)), stages)
        figure.suptitle(title or TITLE, fontsize=11)
        for (stage, attack), value in np.ndenumerate(values):
            if np.isfinite(value):
                ink = "white" if value > 32 else "black"
                axes.text(attack, stage, f"{value:.1f}", ha="center", va="center", color=ink)
            if matrix.learnt.get(attacks[attack]) == stage:
                axes.add_patch(Rectangle((attack - 0.5, stage - 0.5), 1, 1, fill=False, lw=1.5))
        figure.savefig(path, dpi=110, metadata={"Software": None})
