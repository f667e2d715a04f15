"""Rows for DVC plots."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.evaluation.plots import POINTS, confusion, det_curve, roc_curve, score_histogram
from models.evaluation.scores import Scores


def drawn(trials: int = 3000) -> Scores:
    random = np.random.default_rng(0)
    bonafide = np.arange(trials) % 3 == 0
    names = tuple(map(str, range(trials)))
    attacks = tuple(None if real else "A1" for real in bonafide)
    return Scores(names, attacks, random.normal(size=trials) + 2 * bonafide, names)


def test_a_det_curve_runs_from_rejecting_all_to_accepting_all() -> None:
    rows = det_curve(drawn())
    assert (rows[0]["miss"], rows[0]["false_alarm"]) == (1, 0)
    assert (rows[-1]["miss"], rows[-1]["false_alarm"]) == (0, 1)
    assert rows == sorted(rows, key=lambda row: (row["false_alarm"], -float(row["miss"])))
    assert 100 < len(rows) <= POINTS
    assert all(math.isfinite(float(value)) for row in rows for value in row.values())


def test_a_roc_curve_rises_with_spoof_as_the_positive_class() -> None:
    rows = roc_curve(drawn())
    area = np.trapezoid(
        [float(row["true_positive_rate"]) for row in rows],
        [float(row["false_positive_rate"]) for row in rows],
    )
    assert area == pytest.approx(0.92, abs=0.02)  # Φ(2 / √2)


def test_histogram_shares_add_up_in_each_class() -> None:
    rows = score_histogram(drawn())
    for label in ("bonafide", "spoof"):
        assert sum(float(row[label]) for row in rows) == pytest.approx(1)
    middle = {
        label: sum(float(row[label]) * float(row["cm_score"]) for row in rows)
        for label in ("bonafide", "spoof")
    }
    assert middle["bonafide"] - middle["spoof"] == pytest.approx(2, abs=0.2)


def test_confusion_has_one_row_a_trial() -> None:
    rows = confusion(drawn(), threshold=100.0)
    assert len(rows) == 3000
    assert {row["predicted"] for row in rows} == {"spoof"}
    assert {row["predicted"] for row in confusion(drawn())} == {"spoof", "bonafide"}
