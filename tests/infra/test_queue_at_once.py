"""The queue on a database of each kind, with reviewers at the same time."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from infra.database import session
from infra.field_samples import get_sample
from infra.review.desk import next_item, take_item
from infra.review.history import counts, history, recent_answers
from infra.review.intake import take_in
from infra.review.judging import submit, undo
from models.params.retraining import ReviewParams
from tests.infra.review_desk import BONAFIDE, RULE, SPOOF, flag_requests, register_people, say


@pytest.fixture
def samples(database: Engine) -> list[int]:
    """Three flagged samples, and people who review."""
    register_people(database)
    return flag_requests(database, "a", "b", "c")


@pytest.mark.usefixtures("samples")
def test_many_reviewers_at_once_get_samples_of_their_own(database: Engine) -> None:
    items: list[int] = []
    together = threading.Barrier(3)

    def take(reviewer: str) -> None:
        together.wait()
        item = next_item(database, reviewer, RULE)
        assert item is not None
        items.append(item.sample_id)

    threads = [threading.Thread(target=take, args=(name,)) for name in ("ann", "bo", "cy")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(items)) == 3


def test_the_same_request_many_times_at_once_is_one_revision(
    database: Engine, samples: list[int]
) -> None:
    take_item(database, samples[0], "eva", RULE)
    together = threading.Barrier(4)
    revisions: list[int] = []

    def send() -> None:
        together.wait()
        revisions.append(submit(database, samples[0], "eva", SPOOF, "k", RULE).revision_id)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(revisions) == 4 and len(set(revisions)) == 1


def test_undo_is_a_revision_and_the_sample_waits_for_another_answer(
    database: Engine, samples: list[int]
) -> None:
    say(database, samples[0], "eva", SPOOF)
    undone = undo(database, "eva", "u1", RULE)
    assert undo(database, "eva", "u1", RULE).revision_id == undone.revision_id
    sample = get_sample(database, samples[0])
    assert (sample.state, sample.label, sample.locked_by) == ("in review", None, "eva")
    submit(database, samples[0], "eva", BONAFIDE, "k2", RULE)
    assert get_sample(database, samples[0]).label == "bonafide"
    assert [revision.label for revision in history(database, samples[0])] == [
        "spoof", None, "bonafide",
    ]  # fmt: skip
    assert len(recent_answers(database, "eva")) == 3


def test_revisions_are_only_ever_added(database: Engine, samples: list[int]) -> None:
    say(database, samples[0], "eva", SPOOF)
    for change in ("UPDATE label_revisions SET label = 'spoof'", "DELETE FROM label_revisions"):
        with pytest.raises(IntegrityError, match="only ever added"), session(database) as opened:
            opened.execute(text(change))


@pytest.mark.usefixtures("samples")
def test_claims_of_one_source_over_its_cap_wait_and_no_other_sources(database: Engine) -> None:
    flag_requests(database, *(f"f{n}" for n in range(5)), source="flooder")
    flag_requests(database, "honest", source="hotline")
    assert take_in(database, ReviewParams(source_cap=3)) == 3 + 3 + 1
    assert take_in(database, ReviewParams(source_cap=3)) == 0
    assert counts(database, "ann").flagged == 2
