"""Integrated gradients (Sundararajan et al. 2017, arXiv 1703.01365), from silence on."""

from __future__ import annotations

import torch

from models.explanations.explanation import AbsentError, Map
from models.explanations.heard import Heard
from models.explanations.time_frequency import (
    cell_edges_hz,
    cell_edges_s,
    summed,
    taken_apart,
)

STEPS = 24  # on the way from silence, in the middle of as many equal parts


def integrated_gradients(heard: Heard, steps: int = STEPS) -> Map:
    """What each sample, and each cell of frequency and time, adds to the score.

    The shares of all cells add up to those of all samples, and those to the difference between
    this score and that of silence: `silence` and `gap` in the figures tell how nearly. The sum
    runs over the samples of one straight way; a detector that chooses (top-k, maxima) jumps on it.
    """
    waveform = heard.waveform
    loudness = (torch.arange(steps, device=waveform.device) + 0.5) / steps
    ends = heard.ask(torch.stack([torch.zeros_like(waveform), waveform]))
    if not torch.isfinite(ends).all():
        raise AbsentError(f"{heard.detector.name}: no finite score of silence, where this begins")
    gradient = heard.gradients(loudness[:, None] * waveform).mean(dim=0)
    by_sample = (gradient * waveform).double()
    parts = taken_apart(waveform, gradient)
    difference = float(ends[1] - ends[0])
    return Map(
        values=summed(parts.cpu().numpy(), len(waveform)),
        edges_hz=cell_edges_hz(),
        edges_s=cell_edges_s(len(waveform)),
        unit="cm_score, towards spoof",
        meaning="pushes the score towards spoof",
        arrays={"samples": by_sample.cpu().numpy()},
        figures={"silence": float(-ends[0]), "gap": difference - float(by_sample.sum())},
    )
