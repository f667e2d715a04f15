"""The embedding's distance, without Evidently."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wasserstein_distance

from models.audio.acoustics import ACOUSTICS
from models.evaluation.sketch import SKETCH_COLUMNS
from models.params.drift import DriftParams
from monitoring.signals import SIGNALS, Kind, comparable, transport_distance

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


@pytest.mark.parametrize("absurd", [-17_441.0, 1e30, -1e300])
def test_one_absurd_value_moves_no_distance_to_its_threshold(absurd: float) -> None:
    names = [signal.name for signal in SIGNALS if signal.name != "embedding_distance"]
    columns = [*names, *SKETCH_COLUMNS]
    random = np.random.RandomState(5)
    reference = pd.DataFrame(random.standard_normal((600, len(columns))), columns=columns)
    window = pd.DataFrame(random.standard_normal((200, len(columns))), columns=columns)
    reference.loc[7] = absurd  # an old reference may hold such a value too
    spoiled = window.copy()
    spoiled.loc[60] = absurd
    params = DriftParams()

    for column in (*names, "embedding_distance"):
        quiet, loud = (_distance(side, reference, column, params) for side in (window, spoiled))
        assert loud < 0.5 and loud - quiet <= 0.26, column


def test_a_window_that_moved_as_a_whole_is_still_far_away() -> None:
    random = np.random.RandomState(5)
    reference = pd.DataFrame({"cm_score": random.standard_normal(600)})
    window = pd.DataFrame({"cm_score": random.standard_normal(200) - 17_441})

    assert _distance(window, reference, "cm_score", DriftParams()) > 20


def _distance(
    window: pd.DataFrame, reference: pd.DataFrame, column: str, params: DriftParams
) -> float:
    """The distance of one column, as Evidently measures it."""
    current, expected = comparable(window, reference, params)
    if column == "embedding_distance":
        return float(current[column].mean())
    divisor = max(float(np.std(expected[column])), 0.001)
    return float(wasserstein_distance(expected[column], current[column]) / divisor)
