"""Explanations that deserve belief: they follow the weights, and what they blame matters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from models.detectors import Detector
from models.explanations import EXPLANATIONS
from models.explanations.explanation import Map
from models.explanations.sanity import (
    deletion,
    equally_loud,
    loudness,
    rank_correlation,
    reddest,
    shuffled,
)
from models.explanations.stretch import ScoredStretch

StretchOf = Callable[..., ScoredStretch]
METHODS = ["integrated-gradients", "smoothgrad", "grad-cam", "occlusion"]


def explained(method: str, stretch: ScoredStretch) -> Map:
    heatmap = EXPLANATIONS[method](stretch)
    assert isinstance(heatmap, Map)
    return heatmap


@pytest.mark.parametrize("method", METHODS)
def test_other_weights_draw_another_map(
    method: str, learnt: Detector, stretch_of: StretchOf
) -> None:
    own = explained(method, stretch_of(learnt)).values
    again = explained(method, stretch_of(learnt)).values
    others = [explained(method, stretch_of(shuffled(learnt, seed))).values for seed in range(4)]
    assert rank_correlation(own, again) == pytest.approx(1.0)
    assert np.mean([rank_correlation(own, other) for other in others]) < 0.5


@pytest.mark.parametrize("method", ["integrated-gradients", "smoothgrad", "occlusion"])
def test_without_what_is_blamed_the_score_moves_further_than_without_as_much_elsewhere(
    method: str, known_reason: Detector, stretch_of: StretchOf
) -> None:
    stretch = stretch_of(known_reason)
    result = deletion(stretch, explained(method, stretch), share=0.05)
    for others in (result.elsewhere, result.as_loud):
        assert result.moves_more(others)
        assert result.falls_more(others)
    assert result.blamed > 0.8 * float(stretch.ask(stretch.waveform[None]))


def test_a_map_of_loudness_fails_where_what_matters_is_soft(
    known_reason: Detector, stretch_of: StretchOf
) -> None:
    stretch = stretch_of(known_reason)
    loud = deletion(stretch, loudness(stretch), share=0.02)
    blamed = deletion(stretch, explained("integrated-gradients", stretch), share=0.02)
    assert loud.blamed < 0.1 * blamed.blamed


def test_shuffling_keeps_the_values_and_leaves_the_detector_alone(with_map: Detector) -> None:
    before = {name: weight.clone() for name, weight in with_map.named_parameters()}
    other = dict(shuffled(with_map, seed=1).named_parameters())
    for name, weight in with_map.named_parameters():
        assert torch.equal(weight, before[name])
        assert torch.equal(other[name].flatten().sort()[0], weight.flatten().sort()[0])
    assert not torch.equal(other["bands.weight"], before["bands.weight"])


def test_rank_correlation_is_spearmans() -> None:
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert rank_correlation(values, np.exp(values)) == pytest.approx(1.0)
    assert rank_correlation(values, -values) == pytest.approx(-1.0)
    assert rank_correlation(values, np.ones((2, 2))) == 0.0


def test_as_much_is_erased_as_was_asked_for_even_of_a_flat_map() -> None:
    rng = np.random.default_rng(0)
    assert reddest(np.zeros((20, 50)), 0.1, rng).sum() == 100
    points = np.arange(1_000.0).reshape(20, 50)
    assert np.flatnonzero(reddest(points, 0.01, rng)).tolist() == list(range(990, 1_000))


def test_cells_that_are_as_loud_lie_elsewhere() -> None:
    rng = np.random.default_rng(0)
    power = rng.permutation(4_000.0 * np.arange(2_000)).reshape(40, 50)
    erased = (power > power.mean()) & (rng.random((40, 50)) < 0.2)
    others = equally_loud(erased, power, rng)
    assert others.sum() == erased.sum()
    assert (others & erased).sum() < 0.4 * erased.sum()
    assert power[others].mean() == pytest.approx(power[erased].mean(), rel=0.01)
