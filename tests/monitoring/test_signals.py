"""The embedding's distance, without Evidently."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from models.audio.acoustics import ACOUSTICS
from models.params.drift import DriftParams
from monitoring.signals import SIGNALS, Kind, transport_distance

RNG = np.random.RandomState(3)
REFERENCE = RNG.standard_normal((500, 16)) * np.arange(1, 17)


def test_the_mean_is_the_sliced_wasserstein_distance() -> None:
    current = RNG.standard_normal((200, 16)) * np.arange(1, 17) + 3.0
    expected = np.mean(
        [
            wasserstein_distance(current[:, axis], REFERENCE[:, axis]) / REFERENCE[:, axis].std()
            for axis in range(16)
        ]
    )

    assert transport_distance(current, REFERENCE).mean() == pytest.approx(expected, rel=0.02)


def test_the_same_rows_in_another_order_are_not_carried_at_all() -> None:
    shuffled = REFERENCE[RNG.permutation(len(REFERENCE))]

    assert transport_distance(shuffled, REFERENCE).mean() < 0.01


def test_a_new_cluster_is_seen_though_the_mean_stays() -> None:
    two_clusters = REFERENCE[:200] * 0.1 + 2 * REFERENCE.std(axis=0) * np.sign(REFERENCE[:200])

    assert transport_distance(two_clusters, REFERENCE).mean() > 0.5


def test_the_rows_that_are_strange_carry_the_distance() -> None:
    current = REFERENCE[:100].copy()
    current[:10] += 20 * REFERENCE.std(axis=0)

    carried = transport_distance(current, REFERENCE)

    assert carried[:10].min() > carried[10:].max()


@pytest.mark.parametrize("rows", [1, 2])
def test_a_constant_reference_does_not_divide_by_zero(rows: int) -> None:
    assert transport_distance(np.zeros((rows, 16)), np.zeros((5, 16))).tolist() == [0.0] * rows


def test_every_signal_has_a_threshold_and_every_feature_is_a_signal() -> None:
    assert all(signal.threshold(DriftParams()) > 0 for signal in SIGNALS)
    assert {s.name for s in SIGNALS if s.kind is Kind.FEATURE} == set(ACOUSTICS)
