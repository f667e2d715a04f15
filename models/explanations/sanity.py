"""Two tests that an explanation must pass before it may be believed.

Its map changes when the detector's weights do (Adebayo et al. 2018, arXiv 1810.03292): a method
that draws the same for a detector that knows nothing shows the recording, not the detector. And
erasing what it blames moves the score further than erasing as much elsewhere (Samek et al. 2017,
arXiv 1509.06321; Petsiuk et al. 2018, arXiv 1806.07421).
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
from models.explanations.heard import Heard
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


def deletion(heard: Heard, found: Map, share: float = 0.1, draws: int = 6) -> Deletion:
    """Erase the reddest `share` of all cells of frequency and time, and as many others.

    Elsewhere is their shape, moved round the stretch by any time and any frequency: most of that is
    silence, and whatever erases speech does better. So they are also put against cells drawn from
    those that are as loud, wherever these lie.
    """
    rng = np.random.default_rng(heard.seed)
    power = loudness(heard).values
    erased = reddest(_in_cells(heard, found), share, rng)
    high, wide = erased.shape
    shifts = [(int(rng.integers(high)), int(rng.integers(wide))) for _ in range(draws)]
    elsewhere = [np.roll(erased, shift, axis=(0, 1)) for shift in shifts]
    as_loud = [equally_loud(erased, power, rng) for _ in range(draws)]
    before = float(heard.ask(heard.waveform[None]))
    falls = [before - _without(heard, region) for region in (erased, *elsewhere, *as_loud)]
    return Deletion(falls[0], tuple(falls[1 : draws + 1]), tuple(falls[draws + 1 :]))


def reddest(
    values: NDArray[np.float64], share: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """The `share` of cells (bands, times) of the highest values, equal ones drawn."""
    count = round(share * values.size)
    order = np.lexsort((rng.permutation(values.size), -values.ravel()))
    chosen = np.zeros(values.size, bool)
    chosen[order[:count]] = True
    return chosen.reshape(values.shape)


def equally_loud(
    erased: NDArray[np.bool_], power: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """As many cells (bands, times) as are erased, drawn from those of the same loudness."""
    chosen = np.zeros(erased.size, bool)
    for stratum in np.array_split(np.argsort(power.ravel()), STRATA):
        count = int(erased.ravel()[stratum].sum())
        chosen[rng.choice(stratum, count, replace=False)] = True
    return chosen.reshape(erased.shape)


def _in_cells(heard: Heard, found: Map) -> Numbers:
    """The mean value of a map in each cell (64, cells)."""
    samples = len(heard.waveform)
    points = points_of(found, to_points(heard.waveform[None]).shape[2])
    return summed(points, samples) / summed(np.ones_like(points), samples)


def _without(heard: Heard, region: NDArray[np.bool_]) -> float:
    """The evidence for spoof without the cells (64, cells) of a region."""
    samples = len(heard.waveform)
    bands, times = cells(to_points(heard.waveform[None]).shape[2], samples)
    erased = torch.from_numpy(region[np.ix_(bands, times)])[None]
    return float(heard.ask(without(heard.waveform, erased.to(heard.waveform.device))))


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
