"""SmoothGrad (Smilkov et al. 2017, arXiv 1706.03825): the mean gradient near the waveform."""

from __future__ import annotations

import math

import torch

from models.explanations.explanation import Map
from models.explanations.stretch import ScoredStretch
from models.explanations.time_frequency import cell_edges_hz, cell_edges_s, summed, taken_apart

DRAWS = 16
SNR_DB = 30.0  # of the speech over the noise that is added to it


def smoothgrad(stretch: ScoredStretch, draws: int = DRAWS, snr_db: float = SNR_DB) -> Map:
    """How fast the score would move if a cell were turned up a little.

    The gradient is averaged over copies in white noise and multiplied with the waveform (ibid.,
    §3.4); by itself it tells where the detector listens, in `arrays["gradient"]` (n,).
    """
    waveform = stretch.waveform
    generator = torch.Generator().manual_seed(stretch.seed)
    noise = torch.randn((draws, len(waveform)), generator=generator).to(waveform)
    noise *= waveform.square().mean().sqrt() * math.pow(10.0, -snr_db / 20.0)
    gradient = stretch.gradients(waveform + noise).mean(dim=0)
    parts = taken_apart(waveform, gradient)
    return Map(
        values=summed(parts.cpu().numpy(), len(waveform)),
        edges_hz=cell_edges_hz(),
        edges_s=cell_edges_s(len(waveform)),
        unit="cm_score per unit of gain",
        meaning="turned up a little, it would push the score towards spoof",
        arrays={"gradient": gradient.double().cpu().numpy()},
    )
