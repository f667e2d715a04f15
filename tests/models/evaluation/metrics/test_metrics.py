"""Measures: the published figures, their definitions, and what must leave them alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.errors import InputError
from models.evaluation.asv import read_asv_scores
from models.evaluation.metrics import METRICS
from models.evaluation.metrics.auc import auc
from models.evaluation.metrics.cllr import cllr
from models.evaluation.metrics.conditions import AsvErrorRates, Conditions, Floats
from models.evaluation.metrics.confusion import confusion, precision
from models.evaluation.metrics.curve import error_curve
from models.evaluation.metrics.dcf import act_dcf, bayes_threshold, min_dcf
from models.evaluation.metrics.eer import eer, eer_threshold
from models.evaluation.metrics.tdcf import min_tdcf, min_tdcf_2021
from models.evaluation.scores import read_scores
from models.params.evaluation import EvaluationParams

# whole numbers tie often, and survive arithmetic exactly
tied = st.integers(1, 40).flatmap(
    lambda size: arrays(np.float64, size, elements=st.integers(-6, 6).map(float))
)


def official_eer(bonafide: Floats, spoof: Floats) -> float:
    """By brute force: at every cut between sorted trials, the mean where the rates are closest."""
    cuts = np.sort(np.concatenate((bonafide, spoof)))
    rates = [(0.0, 1.0)] + [(np.mean(bonafide <= cut), np.mean(spoof > cut)) for cut in cuts]
    miss, false_alarm = min(rates, key=lambda pair: round(abs(pair[0] - pair[1]), 12))
    return float((miss + false_alarm) / 2)


@pytest.mark.parametrize(
    ("name", "published"),
    [
        (
            "asvspoof2019-la.rawgat-st-mul",
            ("1.060135", "0.0335389", "0.0298931", "0.0443954", "0.0662520"),
        ),
        (
            "asvspoof2019-la.lfcc-resnet18-softmax",
            ("5.057773", "0.1208368", "0.1143490", "1.0000000", "0.7921915"),
        ),
        ("in-the-wild.xlsr-mamba", ("6.709324", None, "0.1728549", "1.0476155", "1.0210170")),
    ],
)
def test_published_figures_are_reproduced_to_the_printed_digit(
    shared: Path, name: str, published: tuple[str, ...]
) -> None:
    folder = shared / "scores"
    wild = name.startswith("in-the-wild")
    scores = read_scores(
        folder / f"{name}.txt.gz", folder / "in-the-wild.key.txt.gz" if wild else None
    )
    asv = None if wild else read_asv_scores(folder / "asvspoof2019-la.asv-scores.txt.gz")
    conditions = Conditions(asv=asv)

    def figure(metric: str) -> float | None:
        return METRICS[metric](scores.bonafide, scores.spoof, conditions)

    tandem, rate = figure("min_tdcf"), figure("eer")
    assert rate is not None
    assert f"{100 * rate:.6f}" == published[0]
    assert (tandem if tandem is None else f"{tandem:.7f}") == published[1]
    others = [figure(metric) for metric in ("min_dcf", "act_dcf", "cllr")]
    assert [f"{value:.7f}" for value in others] == list(published[2:])


def test_the_published_asv_rates_are_reproduced(shared: Path) -> None:
    rates = read_asv_scores(shared / "scores" / "asvspoof2019-la.asv-scores.txt.gz")
    assert f"{rates.false_alarm:.7f}" == "0.0246047"
    assert f"{rates.miss:.7f}" == "0.0245810"
    assert f"{rates.spoof_miss:.7f}" == "0.2393475"
    assert len(rates.attack_misses) == 13


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 10_000), st.floats(-1, 3))
def test_eer_is_the_official_one_where_nothing_is_tied(
    bonafide_trials: int, spoofs: int, seed: int, shift: float
) -> None:
    random = np.random.default_rng(seed)
    bonafide, spoof = random.normal(shift, 1, bonafide_trials), random.normal(0, 1, spoofs)
    assert eer(bonafide, spoof) == pytest.approx(official_eer(bonafide, spoof), abs=1e-12)


@given(tied, tied, st.randoms(use_true_random=False))
def test_eer_does_not_depend_on_the_order_of_trials(
    bonafide: Floats, spoof: Floats, random
) -> None:  # type: ignore[no-untyped-def]
    shuffled = bonafide.copy()
    random.shuffle(shuffled)
    assert eer(bonafide, spoof) == eer(shuffled, spoof[::-1])


@given(tied, tied)
def test_measures_of_order_are_left_alone_by_monotone_maps(bonafide: Floats, spoof: Floats) -> None:
    for metric in (eer, auc, min_dcf):
        before = metric(bonafide, spoof)
        assert metric(np.exp(bonafide), np.exp(spoof)) == before
        assert metric(bonafide**3 - 5, spoof**3 - 5) == before


@given(tied, tied)
def test_swapping_the_classes_mirrors_the_errors(bonafide: Floats, spoof: Floats) -> None:
    assert auc(bonafide, spoof) + auc(spoof, bonafide) == pytest.approx(1)
    # a single step may be rounded to its nearer side, which is at most half a trial away
    slack = 0.5 / min(bonafide.size, spoof.size) + 1e-12
    assert eer(bonafide, spoof) + eer(spoof, bonafide) == pytest.approx(1, abs=2 * slack)


def test_a_constant_detector_errs_half_of_the_time() -> None:
    assert eer(np.zeros(7), np.zeros(400)) == 0.5
    assert auc(np.zeros(7), np.zeros(400)) == 0.5
    assert min_dcf(np.zeros(7), np.zeros(400)) == 1


def test_tied_trials_balance_on_the_line_between_their_sides() -> None:
    # from misses 0, false alarms 1/2 to misses 1/2, false alarms 0 in one step of two trials
    assert eer(np.array([1.0, 2.0]), np.array([1.0, 0.0])) == 0.25
    # the finer the rounding, the nearer the rate of the scores themselves
    random = np.random.default_rng(0)
    bonafide, spoof = random.normal(2, 1, 2000), random.normal(0, 1, 2000)
    exact = eer(bonafide, spoof)
    assert eer(bonafide.round(), spoof.round()) == pytest.approx(exact, abs=0.04)
    assert eer(bonafide.round(1), spoof.round(1)) == pytest.approx(exact, abs=0.002)


def test_perfect_and_inverted_detectors_are_the_ends() -> None:
    low, high = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    assert (eer(high, low), auc(high, low), min_dcf(high, low)) == (0, 1, 0)
    assert (eer(low, high), auc(low, high)) == (1, 0)
    assert eer_threshold(high, low) == 2.5


@given(tied, tied)
def test_the_eer_threshold_gives_the_rates_it_promises(bonafide: Floats, spoof: Floats) -> None:
    threshold = eer_threshold(bonafide, spoof)
    gap = abs(np.mean(bonafide < threshold) - np.mean(spoof >= threshold))
    curve = error_curve(bonafide, spoof)
    assert gap == pytest.approx(np.min(np.abs(curve.misses - curve.false_alarms)))


def test_a_threshold_between_neighbouring_floats_is_the_upper_one() -> None:
    low = 1.0
    high = np.nextafter(low, 2)
    assert eer_threshold(np.array([high]), np.array([low])) == high


def test_auc_is_the_share_of_pairs_in_order() -> None:
    random = np.random.default_rng(3)
    bonafide, spoof = random.integers(0, 9, 50) + 2.0, random.integers(0, 9, 80) + 0.0
    pairs = bonafide[:, None] - spoof[None, :]
    expected = np.mean(pairs > 0) + np.mean(pairs == 0) / 2
    assert auc(bonafide, spoof) == pytest.approx(expected)


def test_knowing_nothing_costs_one_bit() -> None:
    assert cllr(np.zeros(3), np.zeros(5)) == pytest.approx(1)
    assert cllr(np.full(3, 1e4), np.full(5, -1e4)) == 0  # and nothing overflows


def test_the_bayes_threshold_is_that_of_the_asvspoof_5_plan() -> None:
    assert bayes_threshold(EvaluationParams()) == pytest.approx(-np.log(1.9))
    assert act_dcf(np.array([5.0, -5.0]), np.array([-5.0])) == pytest.approx(1.9 / 2)


def test_costs_that_leave_nothing_to_weigh_are_refused() -> None:
    conditions = Conditions(EvaluationParams(p_spoof=0.0))
    with pytest.raises(InputError, match="p_spoof between 0 and 1"):
        min_dcf(np.ones(2), np.zeros(2), conditions)


def test_a_perfect_countermeasure_leaves_the_2021_cost_of_the_asv() -> None:
    asv = AsvErrorRates(miss=0.02, false_alarm=0.03, spoof_miss=0.25)
    high, low = np.array([3.0, 4.0]), np.array([1.0, 2.0])
    conditions = Conditions(asv=asv)
    assert min_tdcf(high, low, conditions) == 0
    c0 = 0.9405 * 0.02 + 0.0095 * 10 * 0.03
    floor = c0 / (c0 + 0.05 * 10 * 0.75)
    assert min_tdcf_2021(high, low, conditions) == pytest.approx(floor)
    assert min_tdcf_2021(np.zeros(2), np.zeros(2), conditions) == 1
    assert min_tdcf(high, low) is None


def test_positive_means_spoof() -> None:
    bonafide, spoof = np.array([0.0, 2.0, 3.0]), np.array([-1.0, 2.5])
    conditions = Conditions(threshold=1.0)
    counts = confusion(bonafide, spoof, conditions)
    assert (counts.spoof_as_spoof, counts.spoof_as_bonafide) == (1, 1)
    assert (counts.bonafide_as_spoof, counts.bonafide_as_bonafide) == (1, 2)
    named = {m: METRICS[m](bonafide, spoof, conditions) for m in ("accuracy", "recall", "f1")}
    assert named == {"accuracy": 3 / 5, "recall": 1 / 2, "f1": 1 / 2}
    assert precision(bonafide, spoof, conditions) == 1 / 2
    assert precision(bonafide, spoof, Conditions(threshold=-9.0)) is None


@pytest.mark.parametrize("name", [name for name in METRICS if "tdcf" not in name])
def test_a_missing_class_is_refused(name: str) -> None:
    for classes in ((np.array([]), np.ones(2)), (np.ones(2), np.array([]))):
        with pytest.raises(InputError, match="both classes"):
            METRICS[name](*classes, Conditions())


def test_faulty_asv_scores_are_refused_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "asv.txt"
    for text, complaint in (
        ("bonafide target 1\nbonafide impostor 0\n", r"asv\.txt:2: target, nontarget, spoof .*imp"),
        ("bonafide target 1\nbonafide nontarget 0\n", "trials of kind spoof expected"),
        ("bonafide target x\n", r"asv\.txt:1: a number as an ASV score"),
        ("a b\n", r"asv\.txt:1: 3 columns expected, found 2"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=complaint):
            read_asv_scores(path)
