"""One sample at a time for each reviewer, and what the answers come to."""

from __future__ import annotations

from dataclasses import fields

import pytest
from sqlalchemy import Engine, text, update

from infra.database import session
from infra.errors import AbsentError, ConflictError
from infra.field_samples import ClaimError, get_sample, new_labels
from infra.review.answers import Answer, Region
from infra.review.desk import ReviewItem, next_item, release, take_item
from infra.review.history import counts, history, revealed
from infra.review.intake import take_in
from infra.review.judging import LostLockError, submit, undo
from infra.review.reviewers import add_reviewer, list_reviewers, remove_reviewer
from infra.tables import FieldSample
from models.params.retraining import ReviewParams
from tests.infra.review_desk import BONAFIDE, RULE, SPOOF, say


def test_a_person_alone_completes_a_sample(database: Engine, samples: list[int]) -> None:
    item = next_item(database, "ann", RULE)
    assert item is not None and item.sample_id == samples[0]
    submit(database, item.sample_id, "ann", SPOOF, "key", RULE)
    (sample,) = new_labels(database)
    assert (sample.label, sample.attack_id, sample.reviewer) == ("spoof", "A01", "ann")


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("answers", "state", "label"),
    [
        ([("ann", "spoof")], "in review", None),
        ([("ann", "spoof"), ("bo", "spoof")], "accepted", "spoof"),
        ([("ann", "spoof"), ("bo", "bonafide")], "in review", None),
        ([("ann", "spoof"), ("bo", "bonafide"), ("cy", "bonafide")], "accepted", "bonafide"),
        ([("ann", "spoof"), ("bo", "bonafide"), ("cy", "unsure")], "in review", None),
        ([("ann", "spoof"), ("bo", "bonafide"), ("eva", "spoof")], "accepted", "spoof"),
        ([("ann", "unsure"), ("bo", "unsure")], "rejected", "unsure"),
        ([("eva", "unusable")], "rejected", "unusable"),
    ],
)
def test_two_reviewers_who_agree_or_an_expert_decide(
    database: Engine,
    samples: list[int],
    answers: list[tuple[str, str]],
    state: str,
    label: str | None,
) -> None:
    for reviewer, word in answers:
        say(database, samples[0], reviewer, Answer(word))
    sample = get_sample(database, samples[0])
    assert (sample.state, sample.label) == (state, label)
    assert len(history(database, samples[0])) == len(answers)


@pytest.mark.usefixtures("people")
def test_what_three_cannot_settle_is_asked_of_an_expert_alone(
    database: Engine, samples: list[int]
) -> None:
    add_reviewer(database, "dan", expert=False)
    for reviewer, word in (("ann", "spoof"), ("bo", "bonafide"), ("cy", "unsure")):
        say(database, samples[0], reviewer, Answer(word))
    for reviewer, sample_id in (("dan", samples[1]), ("eva", samples[0])):
        item = next_item(database, reviewer, RULE)
        assert item is not None and item.sample_id == sample_id


@pytest.mark.usefixtures("people")
def test_an_item_tells_nothing_of_what_others_or_the_detector_say(
    database: Engine, samples: list[int]
) -> None:
    assert {field.name for field in fields(ReviewItem)} == {
        "sample_id", "audio_key", "duration_s", "locked_until",
    }  # fmt: skip
    say(database, samples[0], "ann", SPOOF)
    with pytest.raises(ConflictError, match="shown after your answer"):
        revealed(database, samples[0], "bo")
    say(database, samples[0], "bo", BONAFIDE)
    shown = revealed(database, samples[0], "bo")
    assert [(r.reviewer, r.label) for r in shown.revisions] == [
        ("ann", "spoof"), ("bo", "bonafide"),
    ]  # fmt: skip
    assert (shown.claimed_label, shown.request.cm_score) == ("spoof", 0.5)


@pytest.mark.usefixtures("people")
def test_an_expired_lock_frees_the_sample_and_a_late_answer_is_refused(
    database: Engine, samples: list[int]
) -> None:
    take_item(database, samples[0], "ann", RULE)
    with pytest.raises(ConflictError, match="is ann's to judge until"):
        take_item(database, samples[0], "bo", RULE)
    with session(database) as transaction:
        transaction.execute(text("UPDATE field_samples SET locked_until = '2026-01-01 00:00:00'"))
    take_item(database, samples[0], "bo", RULE)

    with pytest.raises(LostLockError, match="another has taken it; take the sample again"):
        submit(database, samples[0], "ann", SPOOF, "late", RULE)
    assert history(database, samples[0]) == []

    submit(database, samples[0], "bo", SPOOF, "bo", RULE)
    take_item(database, samples[0], "ann", RULE)
    submit(database, samples[0], "ann", SPOOF, "late", RULE)  # the refused key is still good
    assert get_sample(database, samples[0]).state == "accepted"


def test_the_next_can_be_loaded_before_and_a_reload_gives_the_same(
    database: Engine, samples: list[int]
) -> None:
    first = next_item(database, "ann", RULE)
    again = next_item(database, "ann", RULE)
    ahead = next_item(database, "ann", RULE, besides=[samples[0]])
    assert first is not None and again is not None and ahead is not None
    assert (first.sample_id, again.sample_id, ahead.sample_id) == (*[samples[0]] * 2, samples[1])
    release(database, ahead.sample_id, "ann")
    other = next_item(database, "bo", RULE)
    assert other is not None and other.sample_id == ahead.sample_id


@pytest.mark.usefixtures("people")
def test_the_same_key_again_is_the_same_revision(database: Engine, samples: list[int]) -> None:
    take_item(database, samples[0], "eva", RULE)
    results = [submit(database, samples[0], "eva", SPOOF, "k1", RULE) for _ in range(3)]
    assert len({result.revision_id for result in results}) == 1
    assert [result.is_repeat for result in results] == [False, True, True]
    assert len(history(database, samples[0])) == 1
    with pytest.raises(ClaimError, match="key k1: one of its own for each answer"):
        submit(database, samples[1], "eva", SPOOF, "k1", RULE)


@pytest.mark.usefixtures("people")
def test_one_reviewers_undoing_leaves_what_others_agree_on(
    database: Engine, samples: list[int]
) -> None:
    for reviewer, word in (("ann", "bonafide"), ("bo", "spoof"), ("cy", "spoof")):
        say(database, samples[0], reviewer, Answer(word))
    undo(database, "ann", "u", RULE)
    assert get_sample(database, samples[0]).state == "accepted"
    undo(database, "bo", "u", RULE, samples[0])
    assert get_sample(database, samples[0]).state == "in review"
    with pytest.raises(AbsentError, match="ann has given no answer that can be undone"):
        undo(database, "ann", "u2", RULE)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer("fake"), "label: one of bonafide, spoof, unusable, unsure expected, found 'fake'"),
        (Answer("unsure", attack_id="A01"), "that is unsure has no attack"),
        (Answer("spoof", regions=(Region(1.0, 5.0, "spoof"),)), "<= 2.00 expected, found 1.0"),
        (Answer("spoof", regions=(Region(1.0, 2.0, "noise"),)), "region: one of bonafide, spoof"),
        (Answer("spoof", seconds=float("nan")), "seconds: a number from 0 on"),
    ],
)
def test_an_answer_that_cannot_be_is_refused(
    database: Engine, samples: list[int], answer: Answer, sentence: str
) -> None:
    take_item(database, samples[0], "ann", RULE)
    with pytest.raises(ClaimError, match=sentence):
        submit(database, samples[0], "ann", answer, "k", RULE)


def test_a_partial_spoof_keeps_its_regions(database: Engine, samples: list[int]) -> None:
    regions = (Region(0.5, 1.25, "spoof"),)
    say(database, samples[0], "ann", Answer("spoof", reasons=("buzz",), regions=regions, seconds=4))
    (revision,) = history(database, samples[0])
    assert revision.regions == [{"start_s": 0.5, "end_s": 1.25, "label": "spoof", "channel": 0}]
    assert (revision.reasons, revision.seconds) == (["buzz"], 4.0)


@pytest.mark.usefixtures("people")
def test_a_known_answer_measures_a_reviewer_who_cannot_tell_it_apart(
    database: Engine, samples: list[int]
) -> None:
    say(database, samples[0], "eva", SPOOF)
    with session(database) as transaction:
        gold = update(FieldSample).where(FieldSample.id == samples[0])
        transaction.execute(gold.values(use="gold"))
    item = next_item(database, "ann", ReviewParams(gold_share=1.0))
    assert item is not None and item.sample_id == samples[0]
    submit(database, samples[0], "ann", BONAFIDE, "k", RULE)
    assert history(database, samples[0])[-1].gold == "spoof"
    assert [r.reviewer for r in revealed(database, samples[0], "ann").revisions] == ["ann"]
    sample = get_sample(database, samples[0])
    assert (sample.state, sample.label) == ("accepted", "spoof"), "it stays as it was known"
    nobody_twice = next_item(database, "ann", ReviewParams(gold_share=1.0))
    assert nobody_twice is not None and nobody_twice.sample_id == samples[1]


def test_progress_counts_ones_own_answers(database: Engine, samples: list[int]) -> None:
    take_in(database, RULE)
    before = counts(database, "ann")
    assert (before.waiting, before.done_today, before.seconds) == (3, 0, None)
    say(database, samples[0], "ann", Answer("spoof", seconds=3.0))
    after = counts(database, "ann")
    assert (after.waiting, after.done_today, after.seconds) == (2, 1, 3.0)


def test_reviewers_come_and_go(database: Engine) -> None:
    add_reviewer(database, "ann", expert=False)
    add_reviewer(database, "ann", expert=True)
    assert [(r.name, r.expert) for r in list_reviewers(database)] == [("ann", True)]
    remove_reviewer(database, "ann")
    with pytest.raises(AbsentError, match="no reviewer named 'ann'"):
        remove_reviewer(database, "ann")
