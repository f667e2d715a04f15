"""Two tests of whether an explanation can be trusted.

Its map must change when the detector's weights change (Adebayo et al. 2018, arXiv 1810.03292): a
method that draws the same map for shuffled weights shows the recording, not the detector. And
erasing the reddest region must move the score further than erasing as much elsewhere (Samek et al.
2017, arXiv 1509.06321; Petsiuk et al. 2018, arXiv 1806.07421).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.detectors.detector import Detector
from models.explanations.explanation import Map, Numbers
from models.explanations.stretch import ScoredStretch
from models.explanations.time_frequency import (
    cell_edges_hz,
    cell_edges_s,
    cells,
    points_of,
    summed,
    to_points,
    without,
)

STRATA = 40  # of loudness; cells of one are as loud as each other


@dataclass(frozen=True)
class Deletion:
    """How far the evidence for spoof falls without a region, in units of the cm_score."""

    blamed: float  # without what the map shows reddest
    elsewhere: tuple[float, ...]  # without the same shape at other places
    as_loud: tuple[float, ...]  # without as many cells, each as loud as one of those

    def moves_more(self, others: Sequence[float]) -> bool:
        """The score moves further than it usually does without the others."""
        return abs(self.blamed) > float(np.median(np.abs(others)))

    def falls_more(self, others: Sequence[float]) -> bool:
        """The evidence for spoof falls further than it usually does without the others."""
        return self.blamed > float(np.median(others))


def shuffled(detector: Detector, seed: int) -> Detector:
    """A copy of the detector with the values of each weight in random order."""
    copied = copy.deepcopy(detector)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in copied.parameters():
            order = torch.randperm(weight.numel(), generator=generator)
            weight.copy_(weight.flatten()[order.to(weight.device)].view_as(weight))
    return copied


def rank_correlation(one: Numbers, other: Numbers) -> float:
    """Spearman's correlation of two maps over the same cells; 0 where one of them is constant."""
    from scipy.stats import rankdata  # comes with scikit-learn

    ranks = [rankdata(values.ravel()) for values in (one, other)]
    if any(np.ptp(values) == 0 for values in ranks):
        return 0.0
    return float(np.corrcoef(ranks)[0, 1])


def deletion(stretch: ScoredStretch, heatmap: Map, share: float = 0.1, draws: int = 6) -> Deletion:
    """Erase the reddest `share` of all cells of frequency and time, and as many others.

    The first comparison erases the same shape, shifted by any time and frequency. Most of the plane
    is silence, so any map of loudness would win it. The second erases cells that are as loud.
    """
    rng = np.random.default_rng(stretch.seed)
    power = loudness(stretch).values
    erased = reddest(_in_cells(stretch, heatmap), share, rng)
    high, wide = erased.shape
    shifts = [(int(rng.integers(high)), int(rng.integers(wide))) for _ in range(draws)]
    elsewhere = [np.roll(erased, shift, axis=(0, 1)) for shift in shifts]
    as_loud = [equally_loud(erased, power, rng) for _ in range(draws)]
    before = float(stretch.ask(stretch.waveform[None]))
    falls = [before - _without(stretch, region) for region in (erased, *elsewhere, *as_loud)]
    return Deletion(falls[0], tuple(falls[1 : draws + 1]), tuple(falls[draws + 1 :]))


def reddest(
    values: NDArray[np.float64], share: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """The `share` of cells (bands, times) with the highest values; ties are drawn."""
    count = round(share * values.size)
    order = np.lexsort((rng.permutation(values.size), -values.ravel()))
    chosen = np.zeros(values.size, bool)
    chosen[order[:count]] = True
    return chosen.reshape(values.shape)


def equally_loud(
    erased: NDArray[np.bool_], power: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """As many cells (bands, times) as are erased, drawn among those of the same loudness."""
    chosen = np.zeros(erased.size, bool)
    for stratum in np.array_split(np.argsort(power.ravel()), STRATA):
        count = int(erased.ravel()[stratum].sum())
        chosen[rng.choice(stratum, count, replace=False)] = True
    return chosen.reshape(erased.shape)


def _in_cells(stretch: ScoredStretch, heatmap: Map) -> Numbers:
    """The mean value of a map in each cell (64, cells)."""
    samples = len(stretch.waveform)
    points = points_of(heatmap, to_points(stretch.waveform[None]).shape[2])
    return summed(points, samples) / summed(np.ones_like(points), samples)


def _without(stretch: ScoredStretch, region: NDArray[np.bool_]) -> float:
    """The evidence for spoof without the cells (64, cells) of a region."""
    samples = len(stretch.waveform)
    bands, times = cells(to_points(stretch.waveform[None]).shape[2], samples)
    erased = torch.from_numpy(region[np.ix_(bands, times)])[None]
    return float(stretch.ask(without(stretch.waveform, erased.to(stretch.waveform.device))))


def loudness(stretch: ScoredStretch) -> Map:
    """The power of each cell: a map that uses no detector, for comparison."""
    power = to_points(stretch.waveform[None]).abs().square()[0].cpu().numpy()
    samples = len(stretch.waveform)
    return Map(
        values=summed(power, samples),
        edges_hz=cell_edges_hz(),
        edges_s=cell_edges_s(samples),
        unit="power",
        meaning="it is loud",
        signed=False,
    )
