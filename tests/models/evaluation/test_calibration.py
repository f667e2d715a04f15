"""Scores become probabilities: sensible on real scores, tame on strange ones."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from models.evaluation.calibration import Calibration, read_calibration, write_calibration
from models.evaluation.calibration_fit import fit_calibration
from models.evaluation.metrics.cllr import cllr
from models.evaluation.metrics.dcf import act_dcf, min_dcf
from models.evaluation.metrics.eer import eer, eer_threshold
from models.evaluation.scores import Scores, read_scores
from models.params.calibration import CalibrationParams
from models.trials import Label

PARAMS = CalibrationParams()


def scores_of(bonafide: list[float], spoof: list[float]) -> Scores:
    values = np.array([*bonafide, *spoof])
    names = tuple(f"u{row}" for row in range(values.size))
    return Scores(names, (*[None] * len(bonafide), *["A1"] * len(spoof)), values, names)


def drawn(bonafide: int, spoof: int, scale: float = 1.0) -> Scores:
    random = np.random.default_rng(4)
    return scores_of(
        (scale * random.normal(1, 1, bonafide)).tolist(),
        (scale * random.normal(-1, 1, spoof)).tolist(),
    )


def test_real_scores_calibrated_on_one_half_serve_the_other(shared: Path) -> None:
    folder = shared / "scores"
    for name in ("asvspoof2019-la.rawgat-st-mul", "asvspoof2019-la.lfcc-resnet18-softmax"):
        scores = read_scores(folder / f"{name}.txt.gz")
        halves = [
            Scores(
                scores.utterance_ids[start::2],
                scores.attack_ids[start::2],
                scores.cm_scores[start::2],
                scores.clusters[start::2],
            )
            for start in (0, 1)
        ]
        calibration = fit_calibration(halves[0], PARAMS)
        ratios = calibration.llr(halves[1].bonafide), calibration.llr(halves[1].spoof)
        assert cllr(*ratios) < 0.8 * cllr(halves[1].bonafide, halves[1].spoof)
        assert act_dcf(*ratios) < min_dcf(*ratios) + 0.02
        assert eer(*ratios) == pytest.approx(eer(halves[1].bonafide, halves[1].spoof))


def test_the_ratio_does_not_depend_on_how_many_spoofs_dev_holds() -> None:
    even, uneven = (fit_calibration(drawn(4000, spoofs), PARAMS) for spoofs in (4000, 40_000))
    # two normal classes at ±1: the true log-likelihood ratio is twice the score
    for calibration in (even, uneven):
        assert calibration.slope == pytest.approx(2, abs=0.15)
        assert calibration.intercept == pytest.approx(0, abs=0.15)


def test_the_unit_of_the_scores_does_not_matter() -> None:
    one, thousand = (
        fit_calibration(drawn(50, 50), PARAMS),
        fit_calibration(drawn(50, 50, 1000.0), PARAMS),
    )
    assert thousand.slope * 1000 == pytest.approx(one.slope, rel=1e-3)


def test_separable_scores_do_not_explode_and_their_threshold_lies_between() -> None:
    calibration = fit_calibration(scores_of([5.0, 6.0, 7.0], [-5.0, -6.0]), PARAMS)
    assert calibration.threshold == 0
    assert 0 < calibration.slope < 5
    assert 0.5 < calibration.spoof_probability(-5.0) < 1
    assert fit_calibration(scores_of([1.0], [0.0]), PARAMS).threshold == 0.5


@pytest.mark.parametrize(
    ("bonafide", "spoof"),
    [([2.0, 2.0], [2.0, 2.0, 2.0]), ([-1.0, -2.0], [1.0, 2.0])],
    ids=["constant", "wrong way round"],
)
def test_scores_that_tell_nothing_give_probabilities_of_one_half(
    bonafide: list[float], spoof: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        calibration = fit_calibration(scores_of(bonafide, spoof), PARAMS)
    assert calibration.slope > 0
    assert calibration.spoof_probability(bonafide[0]) == pytest.approx(0.5, abs=0.01)
    assert "do not rise" in caplog.text


def test_the_threshold_lies_where_it_was_asked_for() -> None:
    dev = drawn(300, 500)
    assert fit_calibration(dev, PARAMS).threshold == eer_threshold(dev.bonafide, dev.spoof)
    cheapest = fit_calibration(dev, CalibrationParams(operating_point="min_dcf")).threshold
    misses, false_alarms = np.mean(dev.bonafide < cheapest), np.mean(dev.spoof >= cheapest)
    assert 1.9 * misses + false_alarms == pytest.approx(min_dcf(dev.bonafide, dev.spoof))


def test_probabilities_saturate_and_never_overflow() -> None:
    calibration = Calibration(2.0, 1.0, 0.25)
    assert calibration.spoof_probability(1e308) == 0
    assert calibration.spoof_probability(-1e308) == 1
    assert calibration.spoof_probability(1.0) == pytest.approx(1 / (1 + math.exp(3)))
    assert calibration.verdict(0.25) is Label.BONAFIDE
    assert calibration.verdict(0.2499) is Label.SPOOF


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    calibration = Calibration(1 / 3, -2e-7, 0.1)
    write_calibration(tmp_path, calibration)
    assert read_calibration(tmp_path) == calibration
    assert [path.name for path in tmp_path.iterdir()] == ["calibration.json"]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"slope": 1, "intercept": 0}',
        '{"slope": -1, "intercept": 0, "threshold": 0}',
        '{"slope": NaN, "intercept": 0, "threshold": 0}',
        '{"slope": "x", "intercept": 0, "threshold": 0}',
        '{"slope": null, "intercept": 0, "threshold": 0}',
    ],
)
def test_a_faulty_calibration_is_refused_in_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "calibration.json").write_text(text)
    with pytest.raises(InputError, match=r"calibration\.json: ") as refusal:
        read_calibration(tmp_path)
    assert "\n" not in str(refusal.value)


def test_a_missing_calibration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_calibration(tmp_path)


def test_dev_needs_both_classes() -> None:
    with pytest.raises(InputError, match=r"dev scores: trials of both classes .* is spoof"):
        fit_calibration(scores_of([1.0, 2.0], []), PARAMS)
