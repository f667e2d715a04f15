"""Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391) on the deepest 2-D map of a detector."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from models.adversarial.problem import differentiable
from models.detectors.maps import MapLayer
from models.explanations.explanation import InapplicableError, Map, Numbers
from models.explanations.inside import inside
from models.explanations.stretch import ScoredStretch
from models.explanations.time_frequency import NYQUIST, cell_edges_s, folded


def grad_cam(stretch: ScoredStretch) -> Map:
    """The sum of the map's channels, each weighted by its mean gradient.

    Where the detector reads only magnitudes of the map, magnitudes are taken here too. Both signs
    of the sum are shown; the paper keeps only what speaks for one class.
    """
    layer = stretch.detector.map_layer()
    if layer is None:
        raise InapplicableError(
            f"{stretch.detector.name}: it names no 2-D map that Grad-CAM could look at"
        )
    maps, slopes = _map_and_slopes(stretch, layer)
    if layer.unsigned:
        maps, slopes = maps.abs(), slopes * torch.where(maps < 0, -1.0, 1.0)
    weights = slopes.mean(dim=(1, 2), keepdim=True)  # (channels, 1, 1)
    columns = (weights * maps).sum(dim=0).double().cpu().numpy()
    samples = len(stretch.waveform)
    rows, edges_hz = rows_of(columns, layer)
    return Map(
        values=folded(rows, layer.first, layer.hop, samples, stretch.samples),
        edges_hz=edges_hz,
        edges_s=cell_edges_s(samples),
        unit="gradient × activation",
        meaning="the map's channels here push the score towards spoof",
        arrays={"columns": columns},
    )


def rows_of(columns: Numbers, layer: MapLayer) -> tuple[Numbers, Numbers]:
    """Rows (bands, columns) and their edges in Hz; one row where rows are no frequencies."""
    if layer.edges_hz is None:
        return columns.mean(axis=0, keepdims=True), np.array([0.0, NYQUIST])
    if len(layer.edges_hz) != len(columns) + 1:
        raise ValueError(f"{layer.module}: {len(columns)} rows, {len(layer.edges_hz)} edges")
    return columns, np.array(layer.edges_hz)


def _map_and_slopes(stretch: ScoredStretch, layer: MapLayer) -> tuple[Tensor, Tensor]:
    """The map (channels, rows, columns) and the slope of the evidence for spoof at each point."""
    waveform = stretch.waveform[None].detach().requires_grad_(True)
    with (
        torch.enable_grad(),
        differentiable(stretch.detector),
        inside(stretch.detector, [layer.module]) as passed,
    ):
        evidence = stretch.evidence(waveform)
        maps = passed[layer.module].output
        (slopes,) = torch.autograd.grad(evidence.sum(), maps)
    maps, slopes = maps.detach()[0], slopes[0]
    return (maps.mT, slopes.mT) if layer.time_first else (maps, slopes)
