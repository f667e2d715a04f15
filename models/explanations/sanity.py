"""Two tests that an explanation must pass before it may be believed.

Its map changes when the detector's weights do (Adebayo et al. 2018, arXiv 1810.03292): a method
that draws the same for a detector that knows nothing shows the recording, not the detector. And
erasing what it blames moves the score further than erasing as much elsewhere (Samek et al. 2017,
arXiv 1509.06321; Petsiuk et al. 2018, arXiv 1806.07421).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.detectors.detector import Detector
from models.explanations.explanation import Map, Numbers
from models.explanations.heard import Heard
from models.explanations.time_frequency import (
    BINS,
    cell_edges_hz,
    cell_edges_s,
    points_of,
    summed,
    to_points,
    without,
)


@dataclass(frozen=True)
class Deletion:
    """How far the evidence for spoof falls without a region, in units of the cm_score."""

    blamed: float  # without what the map shows reddest
    elsewhere: tuple[float, ...]  # without the same shape at other places

    @property
    def moves_more(self) -> bool:
        """The score moves further than without the usual region of this shape."""
        return abs(self.blamed) > float(np.median(np.abs(self.elsewhere)))

    @property
    def falls_more(self) -> bool:
        """The evidence for spoof falls further than without the usual region of this shape."""
        return self.blamed > float(np.median(self.elsewhere))


def shuffled(detector: Detector, seed: int) -> Detector:
    """A copy that knows nothing: the values of each weight in random order, statistics kept."""
    ignorant = copy.deepcopy(detector)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in ignorant.parameters():
            order = torch.randperm(weight.numel(), generator=generator)
            weight.copy_(weight.flatten()[order.to(weight.device)].view_as(weight))
    return ignorant


def rank_correlation(one: Numbers, other: Numbers) -> float:
    """Spearman's, between two maps' values over the same cells; 0 where one is even."""
    from scipy.stats import rankdata  # comes with scikit-learn

    ranks = [rankdata(each.ravel()) for each in (one, other)]
    if any(np.ptp(each) == 0 for each in ranks):
        return 0.0
    return float(np.corrcoef(ranks)[0, 1])


def deletion(heard: Heard, found: Map, share: float = 0.1, draws: int = 8) -> Deletion:
    """Erase the reddest `share` of all points of frequency and time, and the same shape elsewhere.

    Elsewhere is the shape moved round the stretch by any time and any frequency.
    """
    frames = to_points(heard.waveform[None]).shape[2]
    rng = np.random.default_rng(heard.seed)
    erased = reddest(points_of(found, frames), share, rng)
    shifts = [(int(rng.integers(BINS)), int(rng.integers(frames))) for _ in range(draws)]
    masks = [erased, *(np.roll(erased, shift, axis=(0, 1)) for shift in shifts)]
    before = heard.ask(heard.waveform[None])
    each = [
        heard.ask(without(heard.waveform, torch.from_numpy(mask)[None].to(heard.waveform.device)))
        for mask in masks
    ]
    falls = (before - torch.cat(each)).tolist()
    return Deletion(falls[0], tuple(falls[1:]))


def reddest(
    points: NDArray[np.float64], share: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """The `share` of points (bins, frames) of the highest values, equal ones drawn."""
    count = round(share * points.size)
    order = np.lexsort((rng.permutation(points.size), -points.ravel()))
    chosen = np.zeros(points.size, bool)
    chosen[order[:count]] = True
    return chosen.reshape(points.shape)


def loudness(heard: Heard) -> Map:
    """A map that asks no detector, for comparison: the power of each cell."""
    power = to_points(heard.waveform[None]).abs().square()[0].cpu().numpy()
    samples = len(heard.waveform)
    return Map(
        values=summed(power, samples),
        edges_hz=cell_edges_hz(),
        edges_s=cell_edges_s(samples),
        unit="power",
        meaning="it is loud",
        signed=False,
    )
