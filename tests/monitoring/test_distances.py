"""Distances against scipy and against what they must not see."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from monitoring.distances import Kernel, domain_auc, mmd, transport, wasserstein

RNG = np.random.RandomState(3)


@pytest.mark.parametrize(("rows", "trials"), [(200, 500), (500, 200), (150, 150)])
def test_the_wasserstein_distance_is_that_of_scipy(rows: int, trials: int) -> None:
    window, reference = RNG.standard_normal((rows, 3)) + 0.7, RNG.standard_normal((trials, 3))
    expected = [wasserstein_distance(window[:, i], reference[:, i]) for i in range(3)]

    measured = wasserstein(np.sort(window, axis=0), np.sort(reference, axis=0))

    assert measured == pytest.approx(expected, rel=0.03)


def test_the_parts_of_the_requests_add_up_to_the_distance_and_strange_ones_have_most() -> None:
    window, reference = RNG.standard_normal(100), np.sort(RNG.standard_normal(400))
    window[:10] += 20

    parts = transport(window, reference)

    distance = wasserstein(np.sort(window)[:, None], reference[:, None])[0]
    assert parts.mean() == pytest.approx(distance)
    assert parts[:10].min() > parts[10:].max()


def test_a_new_cluster_is_seen_though_mean_and_spread_stay() -> None:
    reference = RNG.standard_normal((600, 4))
    corners = np.sign(RNG.standard_normal((300, 4)))  # mean 0 and deviation 1 on every axis
    kernel = Kernel.of(reference)
    known = kernel.features(reference)
    like, unlike = (kernel.features(p) for p in (RNG.standard_normal((300, 4)), corners))

    assert mmd(unlike, known) > 2 * mmd(like, known)
    assert domain_auc(unlike, known) > 0.6
    assert domain_auc(like, known) == pytest.approx(0.5, abs=0.08)


def test_points_that_are_all_the_same_are_no_difference() -> None:
    points = np.zeros((50, 3))
    features = Kernel.of(points).features(points)

    assert mmd(features[:20], features) < 1e-12
    assert domain_auc(features[:20], features) == 0.5
