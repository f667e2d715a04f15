from __future__ import annotations

import numpy as np
import pytest

from models.evaluation.fold_report import Judged, build_fold_report, estimate, margin
from models.evaluation.metrics.eer import eer
from models.evaluation.scores import Scores


def scores(seed: int, attacks: tuple[str, ...], shift: float = 1.0) -> Scores:
    rng = np.random.default_rng(seed)
    ids = [None] * 40 + [attack for attack in attacks for _ in range(20)]
    values = rng.standard_normal(len(ids)) + shift * np.array([attack is None for attack in ids])
    names = tuple(f"u{n}" for n in range(len(ids)))
    return Scores(names, tuple(ids), values, names)


def test_the_margin_is_that_of_students_t() -> None:
    # Student 1908: t of 0.975 is 4.3027 at 2 degrees of freedom and 2.7764 at 4
    assert margin([1.0, 2.0, 3.0]) == pytest.approx(4.3027 / np.sqrt(3), rel=1e-4)
    assert margin([1, 2, 3, 4, 5]) == pytest.approx(2.7764 * np.sqrt(2.5 / 5), rel=1e-4)
    assert margin([1.0]) is None


def test_folds_and_seeds_have_intervals_of_their_own() -> None:
    estimated = estimate({("a", 1): 0.1, ("a", 2): 0.3, ("b", 1): 0.2, ("b", 2): 0.4})
    assert estimated.mean == pytest.approx(0.25)
    assert (estimated.folds, estimated.seeds) == (2, 2)
    assert estimated.over_folds == pytest.approx(margin([0.2, 0.3]))
    assert estimated.over_seeds == pytest.approx(margin([0.15, 0.35]))


def test_a_fold_with_more_seeds_does_not_weigh_more() -> None:
    estimated = estimate({("a", 1): 0.1, ("a", 2): 0.1, ("a", 3): 0.1, ("b", 1): 0.3})
    assert estimated.mean == pytest.approx(0.2)


def test_the_report_tells_folds_attacks_and_what_one_threshold_does() -> None:
    judged = [
        Judged("A1", 1, scores(1, ("A1",))),
        Judged("A2+A3", 1, scores(2, ("A2", "A3"))),
        Judged("A1", 2, scores(3, ("A1",))),
        Judged("A2+A3", 2, scores(4, ("A2", "A3"))),
    ]
    report = build_fold_report(judged)
    rates = [eer(run.scores.bonafide, run.scores.spoof) for run in judged]
    assert [run["eer"] for run in report.runs] == rates
    assert report.by_fold["A1"].mean == pytest.approx((rates[0] + rates[2]) / 2)
    assert report.eer.mean == pytest.approx(np.mean(rates))
    assert set(report.by_attack) == {"A1", "A2", "A3"}
    assert report.by_attack["A2"].over_folds is None
    assert report.by_attack["A2"].over_seeds is not None
    assert (report.pooled.folds, report.pooled.seeds) == (2, 2)
    assert report.runs[1]["trials"] == {"bonafide": 40, "spoof": 40}


def test_detectors_whose_scores_lie_elsewhere_cost_under_one_threshold() -> None:
    first, second = scores(1, ("A",), shift=6.0), scores(2, ("A",), shift=6.0)
    moved = Scores(second.utterance_ids, second.attack_ids, second.cm_scores + 6, second.clusters)
    report = build_fold_report([Judged("1", 1, first), Judged("2", 1, moved)])
    assert report.eer.mean < 0.02
    assert report.pooled.mean > 0.2
    assert report.to_json()["interval"] == "Student-t, 95%"
