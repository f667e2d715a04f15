"""The report that every part of the platform hands on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from models.evaluation.asv import read_asv_scores
from models.evaluation.calibration import Calibration
from models.evaluation.metrics import METRICS
from models.evaluation.report import build_report
from models.evaluation.scores import Scores, read_scores
from models.params.evaluation import EvaluationParams


def some_scores(sign: float = 1.0) -> Scores:
    attacks = (None, None, None, "A1", "A1", "A2")
    values = sign * np.array([3.0, 2.0, 0.5, -1.0, -2.0, 1.0])
    names = tuple("abcdef")
    return Scores(names, attacks, values, names)


def test_the_document_has_every_metric_pooled_and_per_attack() -> None:
    document = json.loads(json.dumps(build_report(some_scores(), EvaluationParams()).to_json()))
    assert set(document) == {"pooled", "by_attack", "trials", "threshold"}
    assert document["trials"] == {"bonafide": 3, "spoof": 3}
    assert list(document["by_attack"]) == ["A1", "A2"]
    for figures in (document["pooled"], *document["by_attack"].values()):
        assert set(figures) == {*METRICS, "confusion"}
    assert document["by_attack"]["A1"]["eer"] == 0
    assert document["pooled"]["min_tdcf"] is None


def test_scores_that_run_the_wrong_way_round_are_said_to_and_not_flipped() -> None:
    report = build_report(some_scores(-1.0), EvaluationParams())
    assert "the wrong way round" in report.to_json()["warnings"][0]
    assert (report.pooled.measures["eer"] or 0) > 0.5


def test_calibration_changes_what_reads_ratios_and_nothing_else() -> None:
    scores = some_scores()
    raw = build_report(scores, EvaluationParams(), threshold=0.7).pooled
    pooled = build_report(
        scores, EvaluationParams(), calibration=Calibration(4.0, -3.0, 0.7)
    ).pooled
    changed = {name for name in METRICS if raw.measures[name] != pooled.measures[name]}
    assert changed == {"cllr"} | ({"act_dcf"} & changed)
    assert pooled.confusion == raw.confusion


def test_an_attack_the_asv_never_met_has_no_tandem_cost(shared: Path) -> None:
    folder = shared / "scores"
    scores = read_scores(folder / "asvspoof2019-la.rawgat-st-mul.txt.gz")
    asv = read_asv_scores(folder / "asvspoof2019-la.asv-scores.txt.gz")
    report = build_report(scores, EvaluationParams(), asv=asv)
    assert len(report.by_attack) == 13
    assert all(figures.measures["min_tdcf"] for figures in report.by_attack.values())
    fewer = type(asv)(asv.miss, asv.false_alarm, asv.spoof_miss, {"A07": 0.1})
    report = build_report(scores, EvaluationParams(), asv=fewer)
    assert report.by_attack["A08"].measures["min_tdcf"] is None


def test_one_class_is_not_enough() -> None:
    scores = Scores(("a",), (None,), np.array([1.0]), ("a",))
    with pytest.raises(InputError, match="none of the 1 is spoof"):
        build_report(scores, EvaluationParams())
