"""What both detectors said, what reviewers made of it, and who carries a decision out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, update

from infra import field_samples, shadow_calls, shadows
from infra.database import session
from infra.errors import ConflictError
from infra.model_versions import ModelVersion
from infra.shadow_calls import Disagreement
from infra.shadows import ShadowTerms
from infra.tables import FieldSample, ScoredRequest, ShadowLook, ShadowScore

BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
SHADOW = ShadowTerms("one", 2, 1, BEGAN, BEGAN + timedelta(days=14), 0.02)


def hear(database: Engine, name: str, champion: str, challenger: str, **columns: object) -> None:
    """One answered request, a minute after the one before in the alphabet."""
    at = BEGAN + timedelta(minutes=ord(name))
    values = {
        "request_id": name, "scored_at": at, "model_version": 1, "cm_score": 0.0,
        "spoof_probability": 0.5, "verdict": champion, "threshold": 0.0, "duration_s": 1.0,
        "windows": 1, "features": {}, "embedding_sketch": [], "audio_sha256": name,
        "audio_key": f"recordings/2026-11-01/{name}.wav", **columns,
    }  # fmt: skip
    shadow_score = ShadowScore(
        request_id=name, model_version=2, scored_at=at, cm_score=0.0, verdict=challenger,
        threshold=0.0,
    )  # fmt: skip
    with session(database) as transaction:
        transaction.add(ScoredRequest(**values))
        transaction.flush()
        transaction.add(shadow_score)


def review(database: Engine, name: str, claim: str, label: str, key: str | None = None) -> None:
    sample = field_samples.flag(database, name, claim, audio_key=key)
    field_samples.start_review(database, sample.id, "berta")
    field_samples.judge(database, sample.id, "berta", label)


def disagreements(database: Engine) -> list[Disagreement]:
    calls = shadow_calls.first_calls(database, SHADOW)
    return [call for call in calls if isinstance(call, Disagreement)]


def look(number: int, decision: str) -> ShadowLook:
    return ShadowLook(
        shadow_id="one", number=number, looked_at=BEGAN, model_version=2, champion=1,
        recordings=["a"], gains=[1.0], e_value=2.0, decision=decision, reason="so",
    )  # fmt: skip


def test_terms_are_read_from_the_tags_they_were_written_to() -> None:
    version = ModelVersion(2, "run", "somewhere", SHADOW.tags())
    assert ShadowTerms.of(version) == SHADOW
    assert ShadowTerms.of(replace(version, tags={})) is None
    assert ShadowTerms.of(replace(version, tags={**SHADOW.tags(), "shadow_level": "low"})) is None


def test_agreements_are_counted_by_recording_of_the_compared_champion(database: Engine) -> None:
    for name in "abc":
        hear(database, name, "bonafide", "bonafide")
    hear(database, "d", "bonafide", "bonafide", audio_sha256="c")
    hear(database, "e", "spoof", "spoof")
    hear(database, "f", "spoof", "spoof", model_version=7)
    hear(database, "g", "spoof", "bonafide")
    assert shadow_calls.agreements(database, SHADOW) == {"bonafide": 3, "spoof": 1}


def test_disagreements_come_in_the_order_heard_with_what_reviewers_said(database: Engine) -> None:
    for name in "dcba":
        hear(database, name, "bonafide", "spoof")
    hear(database, "e", "spoof", "bonafide", source="hotline")
    hear(database, "f", "spoof", "spoof")
    review(database, "a", "spoof", "spoof")
    review(database, "b", "spoof", "bonafide")
    recordings = disagreements(database)
    assert [item.request_id for item in recordings] == list("abcde")
    assert [item.truth for item in recordings] == ["spoof", "bonafide", None, None, None]
    calls = shadow_calls.first_calls(database, SHADOW)
    assert [call if isinstance(call, str) else call.request_id for call in calls] == [
        "a", "b", "c", "d", "e", "spoof"
    ]  # fmt: skip
    assert (recordings[4].champion, recordings[4].challenger) == ("spoof", "bonafide")


def test_a_recording_sent_twice_is_one_and_its_review_is_found(database: Engine) -> None:
    hear(database, "a", "bonafide", "spoof", audio_sha256="same")
    hear(database, "b", "bonafide", "spoof")
    hear(database, "c", "bonafide", "spoof", audio_sha256="same")
    review(database, "c", "spoof", "spoof")
    recordings = disagreements(database)
    assert [(item.request_id, item.truth) for item in recordings] == [("c", "spoof"), ("b", None)]


def test_a_caller_is_one_call_the_first_whatever_was_said_of_it(database: Engine) -> None:
    hear(database, "a", "bonafide", "bonafide", speaker_id="anna")
    hear(database, "b", "bonafide", "spoof", speaker_id="anna")
    hear(database, "c", "bonafide", "spoof", speaker_id="bert", source="hotline")
    hear(database, "d", "bonafide", "spoof", speaker_id="carl", source="hotline")
    hear(database, "e", "bonafide", "spoof", speaker_id="", source="door")
    hear(database, "f", "spoof", "bonafide", source="door")
    hear(database, "g", "spoof", "spoof", speaker_id="dora", audio_sha256="c")
    hear(database, "h", "spoof", "spoof", source="", speaker_id="dora")
    calls = shadow_calls.first_calls(database, SHADOW)
    names = [call if isinstance(call, str) else call.request_id for call in calls]
    assert names == ["bonafide", "c", "d", "e", "spoof"]


def test_a_score_that_comes_late_does_not_replace_the_first_call(database: Engine) -> None:
    hear(database, "b", "bonafide", "spoof", speaker_id="anna")
    hear(database, "a", "bonafide", "bonafide", speaker_id="anna")
    late = update(ShadowScore).where(ShadowScore.request_id == "a")
    with session(database) as transaction:
        transaction.execute(late.values(scored_at=BEGAN + timedelta(hours=9)))
    assert [item.request_id for item in disagreements(database)] == ["b"]


def test_what_nobody_can_listen_to_is_told(database: Engine) -> None:
    hear(database, "a", "bonafide", "spoof", audio_key=None)
    hear(database, "b", "bonafide", "spoof", audio_key=None)
    hear(database, "c", "bonafide", "spoof")
    review(database, "b", "spoof", "spoof", key="flagged/b.wav")
    sample = field_samples.flag(database, "c", "spoof")
    field_samples.erase(database, sample.id)
    recordings = disagreements(database)
    assert [(item.has_audio, item.truth) for item in recordings] == [(False, None)] * 3


@pytest.mark.parametrize("claim", field_samples.LABELS)
@pytest.mark.parametrize("word", [*field_samples.NO_LABELS, "bonafide", "spoof"])
def test_only_a_label_by_a_reviewer_is_a_vote_and_nothing_else_holds_up_later_ones(
    database: Engine, claim: str, word: str
) -> None:
    hear(database, "a", "bonafide", "spoof")
    review(database, "a", claim, word)
    (recording,) = disagreements(database)
    assert recording.truth == (word if word in field_samples.LABELS else None)
    assert not recording.waits


def test_a_claim_that_was_rejected_before_there_were_labels_is_no_vote(database: Engine) -> None:
    hear(database, "a", "bonafide", "spoof")
    review(database, "a", "spoof", "unusable")
    with session(database) as transaction:
        transaction.execute(update(FieldSample).values(label=None))
    (recording,) = disagreements(database)
    assert (recording.truth, recording.waits) == (None, False)


def test_of_two_who_look_at_once_one_is_told(database: Engine) -> None:
    shadows.keep_look(database, look(1, "go on"))
    with pytest.raises(ConflictError, match="look 1 at version 2 was taken by another process"):
        shadows.keep_look(database, look(1, "promote"))
    assert [look.decision for look in shadows.looks(database, "one")] == ["go on"]


def test_a_decision_is_carried_out_by_one_and_left_to_the_next_after_the_lease(
    database: Engine,
) -> None:
    shadows.keep_look(database, look(1, "go on"))
    assert shadows.claim_decision(database, lease_s=300) is None
    shadows.keep_look(database, look(2, "promote"))
    mine = shadows.claim_decision(database, lease_s=300)
    assert mine is not None and mine.number == 2
    assert shadows.claim_decision(database, lease_s=300) is None
    again = shadows.claim_decision(database, lease_s=0)
    assert again is not None
    shadows.carried_out(database, again)
    assert shadows.claim_decision(database, lease_s=0) is None
    last = shadows.last_decision(database)
    assert last is not None and last.decision == "promote"
