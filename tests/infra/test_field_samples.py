"""The life of a field sample, on a real database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from infra.errors import ConflictError
from infra.field_samples import (
    TRANSITIONS,
    ClaimError,
    SampleState,
    UnknownSampleError,
    accept,
    erase,
    flag,
    get_sample,
    list_samples,
    new_labels,
    record_dataset,
    reject,
    start_review,
)
from infra.review.intake import take_in
from infra.tables import FieldSample, ScoredRequest, Table
from models.params.retraining import ReviewParams


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A database with three scored requests; the audio of the last was not kept."""
    engine = create_engine(f"sqlite:///{tmp_path / 'antiphon.db'}", connect_args={"timeout": 30})
    Table.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        session.add_all(_request(name, key) for name, key in (("a", "k/a"), ("b", "k/b")))
        session.add(_request("c", None))
    yield engine
    engine.dispose()


def _request(request_id: str, audio_key: str | None) -> ScoredRequest:
    return ScoredRequest(
        request_id=request_id,
        scored_at=datetime.now(UTC),
        model_version=1,
        cm_score=0.5,
        spoof_probability=0.4,
        verdict="bonafide",
        threshold=0.0,
        duration_s=2.0,
        windows=1,
        features={},
        embedding_sketch=[],
        audio_sha256="0" * 64,
        audio_key=audio_key,
        source=None,
        speaker_id="somebody",
    )


STEPS: dict[SampleState, Callable[[Engine, int], object]] = {
    SampleState.QUARANTINED: lambda engine, _: take_in(engine, ReviewParams()),
    SampleState.IN_REVIEW: lambda engine, i: start_review(engine, i, "ana"),
    SampleState.ACCEPTED: lambda engine, i: accept(engine, i, "ana", "spoof", "hibari"),
    SampleState.REJECTED: lambda engine, i: reject(engine, i, "ana"),
    SampleState.ERASED: erase,
}
WAYS: dict[SampleState, tuple[SampleState, ...]] = {
    SampleState.FLAGGED: (),
    SampleState.QUARANTINED: (SampleState.QUARANTINED,),
    SampleState.IN_REVIEW: (SampleState.IN_REVIEW,),
    SampleState.ACCEPTED: (SampleState.IN_REVIEW, SampleState.ACCEPTED),
    SampleState.REJECTED: (SampleState.IN_REVIEW, SampleState.REJECTED),
    SampleState.ERASED: (SampleState.ERASED,),
}


def _sample_in(engine: Engine, state: SampleState) -> FieldSample:
    sample = flag(engine, "a", "spoof", "hibari", "sounds robotic")
    for step in WAYS[state]:
        STEPS[step](engine, sample.id)
    return get_sample(engine, sample.id)


def test_a_flag_keeps_the_claim_and_the_audio_of_its_request(engine: Engine) -> None:
    sample = flag(engine, "a", "spoof", "hibari", "sounds robotic")

    (stored,) = list_samples(engine, SampleState.FLAGGED)
    assert (stored.id, stored.request_id, stored.audio_key) == (sample.id, "a", "k/a")
    assert (stored.claimed_label, stored.claimed_attack_id) == ("spoof", "hibari")
    assert stored.comment == "sounds robotic"
    assert stored.flagged_at.tzinfo is not None


@pytest.mark.parametrize("target", STEPS)
@pytest.mark.parametrize("start", SampleState)
def test_a_step_is_taken_only_from_where_it_may_start(
    engine: Engine, start: SampleState, target: SampleState
) -> None:
    sample = _sample_in(engine, start)
    assert sample.state == start

    if target is SampleState.QUARANTINED:  # a step of all that are flagged
        assert STEPS[target](engine, sample.id) == (start in TRANSITIONS[target])
        return
    if start in TRANSITIONS[target]:
        STEPS[target](engine, sample.id)
        assert get_sample(engine, sample.id).state == target
        return
    with pytest.raises(ConflictError, match=f"cannot become {target}: it is {start}"):
        STEPS[target](engine, sample.id)
    assert get_sample(engine, sample.id).state == start


def test_the_same_flag_twice_is_one_sample(engine: Engine) -> None:
    assert flag(engine, "a", "spoof").id == flag(engine, "a", "spoof", comment="again").id
    assert len(list_samples(engine)) == 1


def test_another_claim_about_the_same_request_is_refused(engine: Engine) -> None:
    flag(engine, "a", "spoof")

    with pytest.raises(ConflictError, match="request a is flagged as spoof already"):
        flag(engine, "a", "bonafide")


def test_a_request_that_was_never_scored_cannot_be_flagged(engine: Engine) -> None:
    with pytest.raises(UnknownSampleError, match="no scored request with the id 'z'"):
        flag(engine, "z", "spoof")


@pytest.mark.parametrize(("label", "attack"), [("fake", None), ("bonafide", "A01")])
def test_a_label_that_cannot_be_is_refused(engine: Engine, label: str, attack: str | None) -> None:
    with pytest.raises(ClaimError):
        flag(engine, "a", label, attack)
    sample = _sample_in(engine, SampleState.IN_REVIEW)
    with pytest.raises(ClaimError):
        accept(engine, sample.id, "ana", label, attack)


def test_an_unknown_sample_is_named(engine: Engine) -> None:
    with pytest.raises(UnknownSampleError, match="no field sample with the id 99"):
        start_review(engine, 99, "ana")


def test_a_sample_without_audio_is_never_accepted(engine: Engine) -> None:
    sample = flag(engine, "c", "spoof")
    start_review(engine, sample.id, "ana")

    with pytest.raises(ConflictError, match="its audio was not kept"):
        accept(engine, sample.id, "ana", "spoof")


def test_the_reviewer_decides_the_label_and_not_the_claim(engine: Engine) -> None:
    sample = _sample_in(engine, SampleState.IN_REVIEW)

    accepted = accept(engine, sample.id, "bo", "bonafide")

    assert (accepted.label, accepted.attack_id, accepted.reviewer) == ("bonafide", None, "bo")
    assert accepted.claimed_label == "spoof" and accepted.reviewed_at is not None


def test_of_two_reviewers_at_once_one_gets_the_sample(engine: Engine) -> None:
    sample = flag(engine, "a", "spoof")
    outcomes: list[str] = []
    together = threading.Barrier(4)

    def take(reviewer: str) -> None:
        together.wait()
        try:
            start_review(engine, sample.id, reviewer)
        except ConflictError:
            outcomes.append("refused")
        else:
            outcomes.append(reviewer)

    threads = [threading.Thread(target=take, args=(f"r{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes.count("refused") == 3
    assert get_sample(engine, sample.id).reviewer in outcomes


def test_accepted_samples_are_new_until_a_dataset_version_holds_them(engine: Engine) -> None:
    sample = _sample_in(engine, SampleState.ACCEPTED)
    flag(engine, "b", "spoof")
    assert [new.id for new in new_labels(engine)] == [sample.id]

    record_dataset(engine, [sample.id], "rev1")
    record_dataset(engine, [sample.id], "rev2")

    assert new_labels(engine) == []
    assert get_sample(engine, sample.id).dataset_revision == "rev1"


def test_erasing_forgets_the_audio_the_comment_and_the_speaker(engine: Engine) -> None:
    sample = _sample_in(engine, SampleState.ACCEPTED)

    assert erase(engine, sample.id) == "k/a"

    erased = get_sample(engine, sample.id)
    assert (erased.audio_key, erased.comment) == (None, None)
    with Session(engine) as session:
        request = session.get_one(ScoredRequest, "a")
        assert (request.audio_key, request.speaker_id) == (None, None)
