from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from flows.candidate.forgetting_table import SHOWN, ScoredDetector, follow
from models.data.lessons import write_lessons
from models.errors import InputError
from models.evaluation.scores import Scores

IDS = ("u0", "u1", "u2", "u3", "u4")
ATTACKS = (None, None, "A1", "A1", "A2")


def answering(*cm_scores: float) -> Scores:
    return Scores(IDS, ATTACKS, np.array(cm_scores), IDS)


@pytest.fixture
def candidate(tmp_path: Path) -> ScoredDetector:
    """It tells A1, takes A2 for human and has learnt from both."""
    folder = tmp_path / "candidate"
    folder.mkdir()
    write_lessons(folder, [("u0", None), ("u2", "A1"), ("u4", "A2")])
    return ScoredDetector(folder, answering(1.0, 2.0, -1.0, -2.0, 3.0))


@pytest.fixture
def champion(tmp_path: Path) -> ScoredDetector:
    """It takes one of two A1 for human, though it has learnt from A1."""
    folder = tmp_path / "champion"
    folder.mkdir()
    write_lessons(folder, [("u0", None), ("u2", "A1")])
    return ScoredDetector(folder, answering(1.0, 2.0, -1.0, 3.0, 0.0))


def keep(champion: ScoredDetector, rows: int) -> None:
    table = {"eer": [{"A1": n / 100} for n in range(rows)], "learnt": {"A1": 0, "A0": rows - 1}}
    (champion.folder / "report.json").write_text(json.dumps({"forgetting": table}))


def test_the_first_candidate_stands_alone(candidate: ScoredDetector) -> None:
    matrix = follow(candidate, None, "report.json")
    assert matrix.stages == ("candidate",)
    assert matrix.eers == ({"A1": 0.0, "A2": 1.0},)
    assert matrix.learnt == {"A1": 0, "A2": 0}


def test_champion_and_candidate_are_measured_now_on_the_same_clips(
    candidate: ScoredDetector, champion: ScoredDetector
) -> None:
    matrix = follow(candidate, champion, "report.json")
    assert matrix.stages == ("champion", "candidate")
    assert matrix.eers == ({"A1": 0.5, "A2": 0.0}, {"A1": 0.0, "A2": 1.0})
    assert matrix.learnt == {"A1": 0, "A2": 1}
    assert matrix.average_forgetting == -0.5
    assert matrix.forward_transfer() == 0.5


def test_the_table_goes_on_from_the_champions_report(
    candidate: ScoredDetector, champion: ScoredDetector
) -> None:
    keep(champion, 3)  # its last row was the champion itself as a candidate
    matrix = follow(candidate, champion, "report.json")
    assert matrix.stages == ("champion −2", "champion −1", "champion", "candidate")
    assert matrix.eers[:2] == ({"A1": 0.0}, {"A1": 0.01})
    assert matrix.learnt == {"A0": 2, "A1": 0, "A2": 3}


def test_after_years_the_oldest_rows_are_left_out(
    candidate: ScoredDetector, champion: ScoredDetector
) -> None:
    keep(champion, 30)
    matrix = follow(candidate, champion, "report.json")
    assert len(matrix.stages) == SHOWN
    assert matrix.stages[-3:] == ("champion −1", "champion", "candidate")
    assert matrix.learnt == {"A0": SHOWN - 2, "A1": 0, "A2": SHOWN - 1}


@pytest.mark.parametrize("content", ["[]", "{", '{"forgetting": {"eer": 5}}'])
def test_a_report_that_is_none_is_refused_by_name(
    content: str, candidate: ScoredDetector, champion: ScoredDetector
) -> None:
    (champion.folder / "report.json").write_text(content)
    with pytest.raises(InputError, match=r"report.json: a report with a table of forgetting"):
        follow(candidate, champion, "report.json")
