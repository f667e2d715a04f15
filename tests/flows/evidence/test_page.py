"""The page and the card: the same input gives the same bytes, and no name becomes markup."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from flows.evidence.folder import write_folder
from flows.evidence.pictures import reliability
from flows.evidence.printing import markdown, moment, number, points
from infra.signing import SigningKey
from models.evaluation.calibration import Calibration
from models.evaluation.scores import Scores, read_scores
from models.params.promotion import PromotionParams
from models.printable import printable
from models.promotion import Decision, EvaluationSet, Evidence, Verdict, judge
from tests.flows.evidence.examples import (
    ATTACKS,
    BROKEN_OUT,
    HOSTILE,
    SCRIPT,
    case_of,
    evidence_of,
    scores,
    verdict_of,
)


class Reader(HTMLParser):
    """What a browser would see: tags, and text."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.text += " "


@pytest.fixture(scope="module")
def page(written: Path) -> Reader:
    return Reader(written / "index.html")


def test_the_same_input_gives_the_same_bytes(
    written: Path, tmp_path: Path, key: SigningKey
) -> None:
    evidence = evidence_of(scores(2.5, 1), scores(2.0, 2))
    again, _ = write_folder(tmp_path, case_of(), evidence, verdict_of(), key)
    assert again.name == written.name
    for path in written.rglob("*"):
        if path.is_file():
            other = again / path.relative_to(written)
            assert other.read_bytes() == path.read_bytes(), path.name
    write_folder(tmp_path, case_of(), evidence, verdict_of(), key)
    assert [path.name for path in tmp_path.iterdir()] == [written.name]


def test_another_verdict_is_another_folder(tmp_path: Path, key: SigningKey) -> None:
    evidence = evidence_of(scores(2.5, 1), scores(2.0, 2))
    one, _ = write_folder(tmp_path, case_of(), evidence, verdict_of(), key)
    two, _ = write_folder(tmp_path, case_of(), evidence, verdict_of(Decision.SHADOW), key)
    assert one.name != two.name
    assert (one / "index.html").is_file() and (two / "index.html").is_file()


def test_no_name_becomes_markup(page: Reader) -> None:
    assert {tag for tag, _ in page.tags} & {"script", "iframe", "object", "link", "a"} == set()
    assert [a for _, attributes in page.tags for a in attributes if a.startswith("on")] == []
    sources = [attributes["src"] or "" for tag, attributes in page.tags if tag == "img"]
    assert sources and all(s.startswith("data:image/svg+xml;base64,") for s in sources)
    for name in HOSTILE:
        assert printable(name) in page.text
    assert "\u202e" not in page.text and "\x1b" not in page.text


def test_the_page_names_nothing_outside_itself(written: Path) -> None:
    page = (written / "index.html").read_text()
    without_pictures = re.sub(r"data:image/svg\+xml;base64,[\w+/=]+", "", page)
    assert re.findall(r"https?:|url\(|@import|src=\"(?!\")", without_pictures) == []


def test_the_decision_and_its_sentence_come_first(page: Reader) -> None:
    text = " ".join(page.text.split())
    start = text.index("REJECT")
    assert text.index(f"but attack {SCRIPT} rises") > start
    assert text.index(f"but attack {SCRIPT} rises") < text.index("Every check")


def test_every_check_is_shown_with_its_finding_the_failing_ones_first(page: Reader) -> None:
    text = " ".join(page.text.split())
    places = [text.index(check.sentence) for check in verdict_of().checks if check.sentence]
    failing = text.index("it rises")
    assert failing == min(places)
    rows = [attributes for tag, attributes in page.tags if attributes.get("class") == "check"]
    assert len(rows) == len(verdict_of().checks)
    for word in ("fails", "undecided", "absent", "holds"):
        assert word in text
    assert "2 hold, 1 fail" in text


def test_what_was_asked_compared_and_made_from_is_named(page: Reader) -> None:
    text = " ".join(page.text.split())
    case = case_of()
    for words in (
        "drift: cm_score has moved", f"manual: because {SCRIPT}", "2026-11-20 03:00 UTC",
        case.run_id, case.dataset, case.cycle_id, "version 3", "e" * 40, "1" * 64, "a" * 16,
        "rolling absent", "sentinel absent", "worn out", "spoof trials come from 3 speakers",
        "120.00 MB", "language=fr", "pgd", "EER % AUC %",
    ):  # fmt: skip
        assert str(words) in text, words


def test_a_first_champion_has_a_page_too(tmp_path: Path, key: SigningKey) -> None:
    candidate = scores(2.5, 1)
    evidence = Evidence.of_scores(None, candidate)
    verdict = judge(evidence, PromotionParams(resamples=100))
    case = replace(case_of(champion=False), report={}, requests=(), cycle_id=None, rules={})
    folder, seal = write_folder(tmp_path, case, evidence, verdict, key)
    text = " ".join(Reader(folder / "index.html").text.split())
    assert seal.verdict == verdict.decision.value
    assert "there is no champion" in text
    assert "Absent: the report has no forgetting matrix" in text
    assert not (folder / "scores/frozen.champion.csv.gz").exists()


@pytest.mark.parametrize("gain", [1.0, 2.0, 4.0])
def test_a_verdict_of_the_gate_itself_has_a_page(
    gain: float, tmp_path: Path, key: SigningKey
) -> None:
    evidence = evidence_of(scores(gain, 1), scores(2.0, 2))
    frozen = Evidence({EvaluationSet.FROZEN: evidence.sets[EvaluationSet.FROZEN]})
    verdict = judge(frozen, PromotionParams(resamples=100))
    folder, _ = write_folder(tmp_path, case_of(), frozen, verdict, key)
    page = Reader(folder / "index.html")
    assert printable(verdict.reason) in page.text
    assert json.loads((folder / "verdict.json").read_text())["verdict"] == verdict.decision
    for attack in ATTACKS:
        assert printable(attack) in page.text


def test_scores_can_be_read_again_and_give_the_same_figures(written: Path) -> None:
    for side, expected in (("candidate", scores(2.5, 1)), ("champion", scores(2.0, 2))):
        written_scores = read_scores(written / f"scores/frozen.{side}.csv.gz")
        assert written_scores.trials_hash == expected.trials_hash
        assert written_scores.cm_scores.tolist() == expected.cm_scores.tolist()
    slices = json.loads((written / "scores/frozen.slices.json").read_text())
    assert slices["language=fr"] == list(range(20))


def test_the_card_is_markdown_in_which_names_mean_nothing(written: Path) -> None:
    card = (written / "model-card.md").read_text()
    assert SCRIPT not in card and BROKEN_OUT not in card
    assert "<" not in card.replace("\\<", "")
    assert "**reject**" in card
    rows = [line for line in card.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(case_of().candidate.files)
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 3 for row in rows)


@pytest.mark.parametrize("name", [*HOSTILE, "a\n# b", "[x](javascript:y)", "1. *b* ~~c~~"])
def test_any_name_is_one_escaped_line_of_markdown(name: str) -> None:
    text = markdown(name)
    assert "\n" not in text
    assert re.sub(r"\\(.)", r"\1", text) == " ".join(name.split())
    assert not re.search(r"(?<!\\)[<\[`*#|~]", re.sub(r"\\\\", "", text))


def test_slices_are_counted_in_the_candidates_order(tmp_path: Path, key: SigningKey) -> None:
    candidate, champion = scores(2.5, 1), scores(2.0, 2)
    order = np.random.default_rng(0).permutation(champion.cm_scores.size)
    mixed = Scores(
        tuple(champion.utterance_ids[row] for row in order),
        tuple(champion.attack_ids[row] for row in order),
        champion.cm_scores[order],
        tuple(champion.clusters[row] for row in order),
    )
    pages = [
        Reader(write_folder(tmp_path, case_of(), evidence_of(candidate, evidence), verdict, key)[0]
               / "index.html").text
        for evidence, verdict in ((champion, verdict_of()), (mixed, verdict_of()))
    ]  # fmt: skip
    one, two = (re.search(r"codec=.*?holds|codec=.*?–\s*\n", page, re.S) for page in pages)
    assert one and two and one.group() == two.group()


def test_reliability_of_honest_probabilities_lies_on_the_diagonal() -> None:
    random = np.random.default_rng(1)
    llr = np.concatenate([random.normal(2, 2, 50_000), random.normal(-2, 2, 50_000)])
    attacks = (None,) * 50_000 + ("A",) * 50_000
    names = tuple(str(row) for row in range(100_000))
    scores = Scores(names, attacks, llr, names)
    probability, share, weight = reliability(scores, Calibration(1.0, 0.0, 0.0))
    assert share == pytest.approx(probability, abs=2.5)
    assert weight.sum() == pytest.approx(1)
    flat, flat_share, _ = reliability(scores, Calibration(0.2, 0.0, 0.0))
    assert np.abs(flat - flat_share).max() > 10


def test_numbers_are_printed_as_people_write_them() -> None:
    assert (points(0.0123), points(-0.0123), points(None)) == ("+1.23", "−1.23", "–")
    assert (number(0.028934), number(-2.0), number(1_340_000.0)) == ("0.02893", "−2", "1,340,000")
    assert moment("2026-11-20T05:00:00+02:00") == "2026-11-20 03:00 UTC"
    assert moment("last week") == "last week"


def test_verdict_is_the_one_that_was_given(written: Path) -> None:
    expected: Verdict = verdict_of()
    assert json.loads((written / "verdict.json").read_text()) == json.loads(
        json.dumps(expected.to_json())
    )
