"""The random audit: known probabilities, and samples that never train."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from infra.database import session
from infra.errors import ConflictError
from infra.field_samples import flag, get_sample, list_samples, new_labels
from infra.review.audit_draws import audited_calls, draw_audit, is_drawn
from infra.review.gold import gold_answers, make_gold, retire
from tests.infra.review_desk import SPOOF, request, say

SINCE = datetime.now(UTC) - timedelta(days=1)


def answered(database: Engine, *names: str, audio_key: str | None = "k") -> None:
    with session(database) as transaction:
        transaction.add_all(request(name, audio_key=audio_key) for name in names)


def test_the_draw_is_a_share_of_all_and_can_be_computed_again(database: Engine) -> None:
    names = [f"call-{number}" for number in range(400)]
    answered(database, *names)
    assert draw_audit(database, 0.2, 7, SINCE) == len(audited_calls(database))
    assert draw_audit(database, 0.2, 7, SINCE) == 0, "nothing is drawn twice"
    drawn = {call.request_id for call in audited_calls(database)}
    assert drawn == {name for name in names if is_drawn(name, 0.2, 7)}
    assert 0.1 < len(drawn) / len(names) < 0.3
    assert drawn > {name for name in names if is_drawn(name, 0.1, 7)}, "a larger share holds it"


def test_a_call_without_a_recording_is_drawn_and_counted(database: Engine) -> None:
    answered(database, "a", audio_key=None)
    draw_audit(database, 1.0, 7, SINCE)
    ((call,), samples) = audited_calls(database), list_samples(database)
    assert (call.kept, call.state, samples) == (False, None, [])


def test_audit_samples_never_train_until_they_are_retired(database: Engine) -> None:
    answered(database, "a")
    draw_audit(database, 1.0, 7, SINCE)
    (sample,) = list_samples(database)
    assert (sample.use, sample.claimed_label) == ("audit", None)
    say(database, sample.id, "ann", SPOOF)
    assert new_labels(database) == []
    assert audited_calls(database)[0].label == "spoof"
    retire(database, sample.id)
    assert [new.id for new in new_labels(database)] == [sample.id]
    assert audited_calls(database)[0].label == "spoof", "it stays in the estimate"
    with pytest.raises(ConflictError, match="accepted for audit or gold expected"):
        retire(database, sample.id)


def test_what_a_client_flagged_is_audited_with_its_label(database: Engine) -> None:
    answered(database, "a", "b")
    claimed = flag(database, "a", "spoof").id
    draw_audit(database, 1.0, 7, SINCE)
    sample = get_sample(database, claimed)
    assert (sample.use, sample.origin) == ("audit", "feedback")
    later = flag(database, "b", "spoof", comment="robotic")
    assert (later.use, later.claimed_label, later.comment) == ("audit", "spoof", "robotic")


@pytest.mark.usefixtures("people")
def test_gold_trains_no_more_and_gives_a_confusion(database: Engine, samples: list[int]) -> None:
    say(database, samples[0], "eva", SPOOF)
    make_gold(database, samples[0])
    assert new_labels(database) == []
    say(database, samples[0], "ann", SPOOF)
    (answers,) = gold_answers(database)
    assert (answers.reviewer, answers.confusion) == ("ann", {("spoof", "spoof"): 1})
    with pytest.raises(ConflictError, match="accepted for train expected"):
        make_gold(database, samples[1])
