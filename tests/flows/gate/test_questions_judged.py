"""A verdict is found again by its question, and by no other."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from flows.evidence.case import Case
from flows.gate.questions_judged import judged_before, keep_judged, question_of, repeated
from models.params.promotion import PromotionParams
from models.promotion import Decision, EvaluationSet, Evidence
from tests.flows.evidence.examples import case_of, evidence_of, scores, verdict_of

RULES = PromotionParams()
EVIDENCE = evidence_of(scores(2.0, 1), scores(2.0, 2))


def known(candidate: str = "a", champion: str = "b") -> Case:
    """A case whose detectors are known by their content."""
    case = case_of()
    assert case.champion is not None
    return replace(
        case,
        candidate=replace(case.candidate, content=candidate),
        champion=replace(case.champion, content=champion),
    )


def on_version(version: str) -> Evidence:
    """The same on other trials."""
    frozen = replace(EVIDENCE.sets[EvaluationSet.FROZEN], version=version)
    return replace(EVIDENCE, sets={**EVIDENCE.sets, EvaluationSet.FROZEN: frozen})


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("decision", list(Decision))
def test_a_kept_verdict_comes_back_as_it_was(decision: Decision) -> None:
    verdict = verdict_of(decision)
    unbounded = replace(verdict.checks[0], bound=math.inf)
    verdict = replace(verdict, checks=(unbounded, *verdict.checks[1:]))
    question = question_of(known(), EVIDENCE, RULES)
    assert judged_before(question) is None
    keep_judged(question, "run1", verdict)
    keep_judged(question, "run2", verdict_of(Decision.SHADOW))
    before = judged_before(question)
    assert before is not None and (before.run_id, before.verdict) == ("run1", verdict)
    assert before.spent == {"f" * 64: 0.99}
    again = repeated(before)
    assert again.warnings[-1].startswith("the question is that of run run1")
    assert replace(again, warnings=verdict.warnings) == verdict


def test_each_thing_that_a_verdict_is_computed_from_makes_another_question() -> None:
    questions = [
        question_of(known(), EVIDENCE, RULES),
        question_of(known("c"), EVIDENCE, RULES),
        question_of(known(champion="c"), EVIDENCE, RULES),
        question_of(known(), on_version("e" * 64), RULES),
        question_of(known(), replace(EVIDENCE, drifted=True), RULES),
        question_of(known(), replace(EVIDENCE, miss_rate=0.01), RULES),
        question_of(known(), EVIDENCE, replace(RULES, seed=1)),
    ]
    assert None not in questions
    assert len(set(questions)) == len(questions)
    # measured costs differ from time to time, and runs have different names
    other_run = replace(known(), run_id="another")
    assert question_of(other_run, replace(EVIDENCE, costs=None), RULES) == questions[0]


def test_what_is_not_known_by_its_content_is_always_judged_anew() -> None:
    assert question_of(case_of(), EVIDENCE, RULES) is None
    assert question_of(known(), on_version(""), RULES) is None
    assert judged_before(None) is None
    assert question_of(replace(known(), champion=None), EVIDENCE, RULES) is not None


def test_a_folder_is_known_by_what_it_scores_with_and_not_by_its_reports(
    make_detector: object, tmp_path: Path
) -> None:
    from flows.evidence.case import Contestant
    from models.files.manifest import read_manifest, write_manifest
    from models.params.window import WindowParams

    assert callable(make_detector)
    first: Path = make_detector(tmp_path / "first", 1.0, WindowParams(8_000, 4_000))
    second: Path = make_detector(tmp_path / "second", 1.0, WindowParams(8_000, 4_000))
    (second / "report.json").write_text("{}")
    (second / "reference.parquet").write_text("")
    write_manifest(second, read_manifest(second))
    other: Path = make_detector(tmp_path / "other", 2.0, WindowParams(8_000, 4_000))
    hop: Path = make_detector(tmp_path / "hop", 1.0, WindowParams(8_000, 2_000))
    contents = [Contestant.of(folder).content for folder in (first, second, other, hop)]
    assert contents[0] == contents[1]
    assert len(set(contents)) == 3
