"""The bootstrap: what a draw gives is what really repeated trials give, and no draw is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.evaluation.bootstrap import (
    ClusterMean,
    ClusterSum,
    ResampledEer,
    TrialList,
    draw_weights,
    resample,
)
from models.evaluation.bootstrap import eers as resampled_eers
from models.evaluation.metrics.cllr import cllr
from models.evaluation.metrics.eer import eer


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(3, 40), st.integers(1, 6), st.booleans())
def test_a_resampled_eer_is_that_of_the_repeated_trials(
    seed: int, trials: int, clusters: int, rounded: bool
) -> None:
    random = np.random.default_rng(seed)
    bonafide = np.arange(trials) % 3 > 0
    values = random.normal(size=trials) + bonafide
    values = values.round() if rounded else values
    codes = random.integers(clusters, size=trials)
    codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    listed = TrialList(bonafide, codes)
    statistic = ResampledEer(values, listed, np.flatnonzero(bonafide), np.flatnonzero(~bonafide))
    eers = resample(listed, {"all": statistic}, 5, seed)["all"]
    weights = np.concatenate(list(draw_weights(listed, 5, np.random.default_rng(seed))))
    for drawn_eer, weight in zip(eers, weights[:, codes], strict=True):
        repeated = np.repeat(values, weight), np.repeat(bonafide, weight)
        expected = eer(repeated[0][repeated[1]], repeated[0][~repeated[1]])
        assert drawn_eer == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("rounded", [False, True])
def test_a_short_stretch_of_a_long_curve_gives_the_same_eers_as_all_of_it(rounded: bool) -> None:
    random = np.random.default_rng(3)
    bonafide = np.arange(9_000) % 3 == 0
    clusters = random.integers(60, size=bonafide.size)
    scores = random.normal(size=bonafide.size) + 2.0 * bonafide + random.normal(size=60)[clusters]
    scores = scores.round(1) if rounded else scores
    trials = TrialList(bonafide, clusters)
    rows = np.flatnonzero(bonafide), np.flatnonzero(~bonafide)
    statistic = ResampledEer(scores, trials, *rows)
    draws = np.concatenate(list(draw_weights(trials, 40, np.random.default_rng(9))))
    draws[3] = 0
    draws[3, :2] = 30, 30  # speakers whose balance lies far from that of the others
    for drawn, weight in zip(statistic(draws), draws[:, clusters], strict=True):
        bonafide_scores, spoof_scores = (np.repeat(scores[own], weight[own]) for own in rows)
        assert drawn == pytest.approx(eer(bonafide_scores, spoof_scores), abs=1e-12)


def test_a_draw_outside_the_stretch_is_run_through_from_end_to_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resampled_eers, "PILOTS", 1)
    monkeypatch.setattr(resampled_eers, "_balances", lambda *_: (4_000, 4_001))
    random = np.random.default_rng(3)
    bonafide = np.arange(6_000) % 2 == 0
    scores = random.normal(size=bonafide.size) + 2.0 * bonafide
    trials = TrialList(bonafide, np.arange(bonafide.size) // 20)
    rows = np.flatnonzero(bonafide), np.flatnonzero(~bonafide)
    narrow = ResampledEer(scores, trials, *rows)
    monkeypatch.setattr(resampled_eers, "ENOUGH", 10**9)
    whole = ResampledEer(scores, trials, *rows)
    for weights in draw_weights(trials, 20, np.random.default_rng(1)):
        assert np.array_equal(narrow(weights), whole(weights))


def test_means_and_costs_are_those_of_repeated_trials() -> None:
    random = np.random.default_rng(5)
    bonafide = np.arange(400) % 4 == 0
    clusters = random.integers(12, size=400)
    llr = random.normal(size=400) + 2.0 * bonafide
    trials = TrialList(bonafide, clusters)
    rows = np.flatnonzero(bonafide), np.flatnonzero(~bonafide)
    costs = np.logaddexp(0.0, np.where(bonafide, -llr, llr)) / np.log(2)
    terms = ((0.5, ClusterMean(costs[own], clusters[own], trials.count)) for own in rows)
    statistic = ClusterSum(*terms)
    for weights in draw_weights(trials, 10, np.random.default_rng(1)):
        for drawn, weight in zip(statistic(weights), weights[:, clusters], strict=True):
            real, spoof = (np.repeat(llr[own], weight[own]) for own in rows)
            assert drawn == pytest.approx(cllr(real, spoof), abs=1e-12)


def test_clusters_are_drawn_among_their_like_so_that_no_draw_lacks_a_class_or_a_list() -> None:
    bonafide = np.array([True, True, True, False, False, False, True, False])
    clusters = np.array([0, 1, 2, 3, 4, 4, 5, 5])
    parts = np.array([0, 0, 1, 0, 1, 1, 0, 0])
    trials = TrialList(bonafide, clusters, parts)
    assert sorted(map(list, trials.kinds())) == [[0, 1], [2], [3], [4], [5]]
    for weights in draw_weights(trials, 50, np.random.default_rng(1)):
        assert (weights[:, [2, 3, 4, 5]] == 1).all()
        assert (weights[:, [0, 1]].sum(axis=1) == 2).all()


def test_the_same_seed_gives_the_same_draws() -> None:
    trials = TrialList(np.arange(300) % 2 == 0, np.arange(300))
    one, two, other = (
        np.concatenate(list(draw_weights(trials, 300, np.random.default_rng(seed))))
        for seed in (1, 1, 2)
    )
    assert one.shape == (300, 300)
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)
