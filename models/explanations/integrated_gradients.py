"""Integrated gradients (Sundararajan et al. 2017, arXiv 1703.01365); the baseline is silence."""

from __future__ import annotations

import torch

from models.explanations.explanation import InapplicableError, Map
from models.explanations.stretch import ScoredStretch
from models.explanations.time_frequency import (
    cell_edges_hz,
    cell_edges_s,
    summed,
    taken_apart,
)

STEPS = 24  # of the path from silence, each at the middle of an equal part


def integrated_gradients(stretch: ScoredStretch, steps: int = STEPS) -> Map:
    """What each sample, and each cell of frequency and time, adds to the score.

    The shares of all cells add up to those of all samples, and these to the score less the score of
    silence. `gap` in the figures is what is missing from that sum: gradients are averaged over
    samples of one straight path, and the score of a detector with top-k or maxima jumps on it.
    """
    waveform = stretch.waveform
    loudness = (torch.arange(steps, device=waveform.device) + 0.5) / steps
    ends = stretch.ask(torch.stack([torch.zeros_like(waveform), waveform]))
    if not torch.isfinite(ends).all():
        raise InapplicableError(
            f"{stretch.detector.name}: no finite score of silence, where this begins"
        )
    gradient = stretch.gradients(loudness[:, None] * waveform).mean(dim=0)
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
