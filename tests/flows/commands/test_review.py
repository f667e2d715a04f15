"""`antiphon review`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.commands.review import app
from flows.places import engine
from infra.database import session
from infra.errors import ConflictError
from infra.field_samples import ClaimError, flag, get_sample, new_labels
from infra.tables import ScoredRequest
from models.errors import InputError


@pytest.fixture
def _flagged(state: Path) -> None:  # noqa: ARG001
    """Samples 1 and 2, both claimed to be spoofs."""
    for name in ("a", "b"):
        request = ScoredRequest(
            request_id=name, scored_at=datetime.now(UTC), model_version=1, cm_score=0.0,
            spoof_probability=0.5, verdict="bonafide", threshold=0.0, duration_s=1.0, windows=1,
            features={}, embedding_sketch=[], audio_sha256=name, audio_key=f"recordings/{name}",
        )  # fmt: skip
        with session(engine()) as transaction:
            transaction.add(request)
        flag(engine(), name, "spoof", "cloner-x")


def review(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "--reviewer", "ann"], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.usefixtures("_flagged")
def test_a_claim_is_never_taken_over() -> None:
    with pytest.raises(InputError, match="--label bonafide, spoof, unusable or unsure expected"):
        review("accept", "1")
    assert get_sample(engine(), 1).state == "flagged"
    review("accept", "1", "--label", "spoof")
    assert get_sample(engine(), 1).attack_id is None  # nobody but the caller named one


@pytest.mark.usefixtures("_flagged")
@pytest.mark.parametrize("label", ["bonafide", "spoof"])
def test_a_label_makes_samples_training_material(label: str) -> None:
    assert review("accept", "1", "2", "--label", label).splitlines() == [
        f"1: accepted as {label}",
        f"2: accepted as {label}",
    ]
    assert [sample.label for sample in new_labels(engine())] == [label, label]


@pytest.mark.usefixtures("_flagged")
@pytest.mark.parametrize(
    ("command", "word"),
    [
        (["accept", "1", "--label", "unusable"], "unusable"),
        (["accept", "1", "--label", "unsure"], "unsure"),
        (["reject", "1"], "unusable"),
    ],
)
def test_what_is_no_label_counts_nowhere(command: list[str], word: str) -> None:
    assert review(*command) == f"1: rejected as {word}\n"
    assert get_sample(engine(), 1).label == word
    assert new_labels(engine()) == []
    with pytest.raises(ConflictError, match="it is rejected by ann"):
        review("accept", "1", "--label", "spoof")


@pytest.mark.usefixtures("_flagged")
@pytest.mark.parametrize("label", ["bonafide", "unusable"])
def test_only_a_spoof_has_an_attack(label: str) -> None:
    with pytest.raises(ClaimError, match="has no attack, found"):
        review("accept", "1", "--label", label, "--attack-id", "cloner-x")


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.usefixtures("_flagged")
def test_two_people_label_from_the_queue_and_see_each_other_afterwards() -> None:
    assert run("reviewers").startswith("nobody is registered: everybody counts as an expert")
    assert run("add-reviewer", "ann") == "ann: reviewer\n"
    run("add-reviewer", "bo")
    assert "waiting for you  2" in review("queue")
    assert review("next").startswith("1: 1.0 s, yours until ")
    shown = review("judge", "1", "--label", "spoof", "--reason", "buzz", "--region", "0-0.5:spoof")
    assert "claim     spoof" in shown and "ann: spoof" in shown
    assert review("undo") == "1: undone\n"
    assert review("accept", "1", "--label", "spoof") == "1: noted, others are asked\n"
    shown = run("judge", "1", "--label", "spoof", "--reviewer", "bo")
    assert "ann: spoof" in shown and "bo: spoof" in shown
    assert [sample.id for sample in new_labels(engine())] == [1]
    assert len(run("history", "1").splitlines()) == 2 + 4
    assert run("gold", "1") == "1: gold\n"
    assert run("retire", "1") == "1: may train\n"
    assert "Krippendorff's α: two people who judged the same samples" in run("reviewers")
    assert "the audit has drawn no call yet" in run("audit")
    with pytest.raises(InputError, match="--region START-END:LABEL expected, found 'x'"):
        review("judge", "2", "--label", "spoof", "--region", "x")
