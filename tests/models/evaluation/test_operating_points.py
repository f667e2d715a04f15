"""Where the threshold is put, policy by policy."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import InputError
from models.evaluation.calibration_fit import fit_calibration
from models.evaluation.metrics.dcf import act_dcf, bayes_threshold, min_dcf
from models.evaluation.operating_points import OPERATING_POINTS, miss_rate_threshold, too_few_for
from models.evaluation.scores import Scores, read_scores
from models.params.calibration import CalibrationParams
from models.params.evaluation import EvaluationParams
from models.params.tree import params_from_mapping


def drawn(bonafide: int, spoof: int, scale: float = 1.0) -> Scores:
    random = np.random.default_rng(4)
    values = np.append(random.normal(1, 1, bonafide), random.normal(-1, 1, spoof))
    names = tuple(f"u{row}" for row in range(values.size))
    return Scores(names, (*[None] * bonafide, *["A1"] * spoof), scale * values, names)


def refused(bonafide: NDArray[np.float64], threshold: float) -> int:
    return int(np.sum(bonafide < threshold))


@pytest.mark.parametrize("rate", [0.0, 0.004, 0.01, 0.05, 0.3])
@pytest.mark.parametrize("decimals", [0, 1, 8], ids=["many ties", "some ties", "no ties"])
def test_dev_never_loses_more_bona_fide_trials_than_was_set(rate: float, decimals: int) -> None:
    dev = drawn(300, 500)
    bonafide, spoof = np.round(dev.bonafide, decimals), np.round(dev.spoof, decimals)
    threshold = miss_rate_threshold(bonafide, spoof, rate)
    assert refused(bonafide, threshold) <= rate * 300
    higher = bonafide[bonafide >= threshold].min() + 1e-9
    assert refused(bonafide, higher) > rate * 300  # the next step would lose too many


def test_a_share_that_is_a_whole_number_of_trials_is_used_up() -> None:
    dev = drawn(300, 500)
    for trials in (3, 7, 21, 29):  # trials / 300 * 300 is not always whole in floating point
        threshold = miss_rate_threshold(dev.bonafide, dev.spoof, trials / 300)
        assert refused(dev.bonafide, threshold) == trials


def test_of_thresholds_that_refuse_the_same_the_one_is_taken_that_catches_most_spoofs() -> None:
    threshold = miss_rate_threshold(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.5, 1.8]), 0.34)
    assert 1.8 < threshold < 2.0


def test_a_rate_below_one_trial_is_told_once_with_what_it_may_be(
    caplog: pytest.LogCaptureFixture,
) -> None:
    params = CalibrationParams("miss_rate", 0.001)
    with caplog.at_level(logging.WARNING):
        calibration = fit_calibration(drawn(300, 500), params)
    assert refused(drawn(300, 500).bonafide, calibration.threshold) == 0
    (sentence,) = caplog.messages
    assert "0.001 is less than one of the 300 bona fide trials" in sentence
    assert "a rate below 0.0099" in sentence  # 1 - 0.05 ** (1 / 300)
    assert too_few_for(1 / 300, 300) is None


def test_the_cheapest_decision_by_prior_and_costs_is_that_of_calibrated_scores() -> None:
    dev = drawn(4000, 4000, scale=3.0)
    params = CalibrationParams(operating_point="min_cost")
    for evaluation in (EvaluationParams(), EvaluationParams(p_spoof=0.5, cost_false_alarm=1.0)):
        calibration = fit_calibration(dev, params, evaluation)
        bayes = bayes_threshold(evaluation)
        assert calibration.llr(np.array(calibration.threshold)) == pytest.approx(bayes)
    assert calibration.threshold == pytest.approx(0, abs=0.2)  # equal classes at ±3


def test_a_policy_that_is_asked_for_is_the_one_that_counts() -> None:
    dev = drawn(300, 500)
    thresholds = {
        name: fit_calibration(dev, CalibrationParams(name)).threshold  # type: ignore[arg-type]
        for name in OPERATING_POINTS
    }
    assert len(set(thresholds.values())) == len(OPERATING_POINTS) == 4
    ratios = [fit_calibration(dev, CalibrationParams()).llr(s) for s in (dev.bonafide, dev.spoof)]
    assert act_dcf(*ratios) < min_dcf(*ratios) + 0.05  # the calibration that min_cost relies on


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ({"operating_point": "far"}, "operating_point: one of eer, min_dcf, miss_rate, min_cost"),
        ({"miss_rate": 0.6}, "calibration.miss_rate: 0 to 0.5 expected, found 0.6"),
        ({"miss_rate": -0.1}, "calibration.miss_rate: 0 to 0.5 expected"),
        ({"miss_rate": "few"}, "miss_rate: float expected"),
    ],
)
def test_what_is_no_policy_is_refused_by_name(section: dict[str, object], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        params_from_mapping({"calibration": section})


def test_a_target_is_set_by_one_policy_alone() -> None:
    assert CalibrationParams("miss_rate", 0.02).target == 0.02
    assert CalibrationParams("eer", 0.02).target is None


def test_between_detectors_of_different_scales_the_share_refused_stays_what_was_set(
    shared: Path,
) -> None:
    keys = shared / "scores" / "asvspoof2019-la.protocol.txt.gz"
    names = ("rawgat-st-mul", "lfcc-resnet18-softmax")
    old, new = (
        read_scores(shared / "scores" / f"asvspoof2019-la.{name}.txt.gz", keys) for name in names
    )
    assert old.cm_scores.std() > 2 * new.cm_scores.std()
    people = np.array(old.clusters)[old.is_bonafide]
    refused = []
    for seed in range(8):
        order = np.random.default_rng(seed).permutation(np.unique(people))
        is_early = np.isin(people, order[: order.size // 2])  # the others are met afterwards
        for scores in (old, new):
            threshold = miss_rate_threshold(scores.bonafide[is_early], scores.spoof, 0.02)
            refused.append((scores.bonafide[~is_early] < threshold).mean())
    assert np.mean(refused[::2]) == pytest.approx(0.02, abs=0.006)
    assert np.mean(refused[1::2]) == pytest.approx(0.02, abs=0.006)
