"""Field samples: scored requests about which reviewers are asked, and their states.

    flagged -> quarantined -> in review -> accepted: bonafide or spoof -> (in a dataset version)
                                        -> rejected: unusable or unsure, and counted nowhere
    any of them -> erased

Only reviewers give a label: a claim is never taken over, and a rejection says nothing about it.
`accept` and `reject` are the word of one expert; what several reviewers say is in infra.review.

Each step is one UPDATE that names its allowed start states, so that of two people who take the same
step at once one is refused.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Executable, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from infra.database import reading, session
from infra.errors import ConflictError
from infra.review.sample_audio import is_shared
from infra.review.sample_states import (
    LABELS,
    LEFT_OUT,
    NO_LABELS,
    OPEN,
    TRANSITIONS,
    ClaimError,
    Origin,
    SampleState,
    UnknownSampleError,
    Use,
    check_claim,
)
from infra.tables import FieldSample, LabelRevision, ScoredRequest

__all__ = ["LABELS", "LEFT_OUT", "NO_LABELS", "OPEN", "TRANSITIONS"]
__all__ += ["ClaimError", "Origin", "SampleState", "UnknownSampleError", "Use"]


def flag(
    engine: Engine,
    request_id: str,
    claimed_label: str,
    claimed_attack_id: str | None = None,
    comment: str | None = None,
    audio_key: str | None = None,
    *,
    origin: Origin = Origin.FEEDBACK,
    category: str | None = None,
) -> FieldSample:
    """Report the answer to a request as wrong. Repeating a claim returns the existing sample.

    `audio_key` is that of a recording sent with the claim, else that of the request. Raises
    ClaimError, UnknownSampleError, and ConflictError if the request is flagged with another claim.
    """
    check_claim(claimed_label, claimed_attack_id)
    sample = FieldSample(
        request_id=request_id,
        state=SampleState.FLAGGED,
        origin=origin,
        audio_sent=audio_key is not None,
        flagged_at=datetime.now(UTC),
        claimed_label=claimed_label,
        claimed_attack_id=claimed_attack_id,
        comment=comment,
        category=category,
    )
    try:
        with session(engine) as transaction:
            request = transaction.get(ScoredRequest, request_id)
            if request is None:
                raise UnknownSampleError(f"no scored request with the id '{request_id}'")
            sample.audio_key = audio_key or request.audio_key
            transaction.add(sample)
    except IntegrityError:  # flagged before
        return _same_claim(engine, sample)
    return sample


def list_samples(engine: Engine, state: SampleState | None = None) -> list[FieldSample]:
    """Every field sample, or those in one state, oldest first."""
    query = select(FieldSample).order_by(FieldSample.id)
    if state is not None:
        query = query.where(FieldSample.state == state)
    with reading(engine) as transaction:
        return list(transaction.scalars(query))


def new_labels(engine: Engine) -> list[FieldSample]:
    """The samples for training that no dataset version has been asked to hold, oldest first."""
    return [sample for sample in training_samples(engine) if sample.dataset_revision is None]


def training_samples(engine: Engine) -> list[FieldSample]:
    """The accepted samples that may train, oldest first: not the audit, gold or what is held."""
    accepted = list_samples(engine, SampleState.ACCEPTED)
    return [sample for sample in accepted if sample.use == Use.TRAIN and not sample.held]


def start_review(engine: Engine, sample_id: int, reviewer: str) -> FieldSample:
    """Take an undecided sample for review; no other reviewer can take it so then."""
    return _move(engine, sample_id, SampleState.IN_REVIEW, reviewer=reviewer)


def judge(
    engine: Engine, sample_id: int, reviewer: str, judgement: str, attack_id: str | None = None
) -> FieldSample:
    """Accept a sample in review with one of LABELS, or reject it with one of NO_LABELS.

    Raises ClaimError for another word or an impossible attack, ConflictError as `accept` does.
    """
    if judgement not in NO_LABELS:
        return accept(engine, sample_id, reviewer, judgement, attack_id)
    if attack_id is not None:
        raise ClaimError(f"a recording that is {judgement} has no attack, found '{attack_id}'")
    return reject(engine, sample_id, reviewer, judgement)


def accept(
    engine: Engine, sample_id: int, reviewer: str, label: str, attack_id: str | None = None
) -> FieldSample:
    """Label a sample in review by the word of one expert: it enters the next dataset version.

    Raises ConflictError, also if its audio was not kept.
    """
    check_claim(label, attack_id)
    sample = get_sample(engine, sample_id)
    if sample.state == SampleState.IN_REVIEW and sample.audio_key is None:
        raise ConflictError(f"field sample {sample_id} cannot be accepted: its audio was not kept")
    return _decide(engine, sample_id, SampleState.ACCEPTED, reviewer, label, attack_id)


def reject(engine: Engine, sample_id: int, reviewer: str, why: str = NO_LABELS[0]) -> FieldSample:
    """Reject a sample in review, as `unusable` or `unsure`: it enters no dataset and no vote."""
    return _decide(engine, sample_id, SampleState.REJECTED, reviewer, why)


def erase(engine: Engine, sample_id: int) -> str | None:
    """Erase audio and comment; returns the key of the audio for the caller to delete.

    None where there is none, or another sample of the same audio still needs it.
    """
    sample = get_sample(engine, sample_id)
    request = update(ScoredRequest).where(ScoredRequest.request_id == sample.request_id)
    forgotten = request.values(audio_key=None, speaker_id=None)
    values: dict[str, Any] = {"audio_key": None, "comment": None, **_now()}
    _move(engine, sample_id, SampleState.ERASED, forgotten, **values)
    return None if is_shared(engine, sample.pcm_sha256) else sample.audio_key


def record_dataset(engine: Engine, sample_ids: list[int], revision: str) -> None:
    """Record the first dataset version with these accepted samples, or that none holds them."""
    first = (
        update(FieldSample)
        .where(FieldSample.id.in_(sample_ids), _in_no_dataset())
        .where(FieldSample.state == SampleState.ACCEPTED)
    )
    with session(engine) as transaction:
        transaction.execute(first.values(dataset_revision=revision))


def _in_no_dataset() -> ColumnElement[bool]:
    revision = FieldSample.dataset_revision
    return or_(revision.is_(None), revision == LEFT_OUT)


def get_sample(engine: Engine, sample_id: int) -> FieldSample:
    """One field sample; raises UnknownSampleError."""
    with reading(engine) as transaction:
        sample = transaction.get(FieldSample, sample_id)
    if sample is None:
        raise UnknownSampleError(f"no field sample with the id {sample_id}")
    return sample


def _decide(
    engine: Engine,
    sample_id: int,
    target: SampleState,
    reviewer: str,
    label: str,
    attack_id: str | None = None,
) -> FieldSample:
    decision: dict[str, Any] = {"reviewer": reviewer, "label": label, "attack_id": attack_id}
    revision = insert(LabelRevision).values(
        sample_id=sample_id,
        expert=True,
        at=datetime.now(UTC),
        reasons=[],
        regions=[],
        key=str(uuid.uuid4()),
        **decision,
    )
    free = {"locked_by": None, "locked_until": None, "awaits_expert": False}
    return _move(engine, sample_id, target, revision, **_now(), **free, **decision)


def _move(
    engine: Engine, sample_id: int, target: SampleState, *also: Executable, **values: Any
) -> FieldSample:
    allowed = TRANSITIONS[target]
    step = (
        update(FieldSample)
        .where(FieldSample.id == sample_id, FieldSample.state.in_(allowed))
        .values(state=target, **values)
        .returning(FieldSample.id)
    )
    with session(engine) as transaction:
        moved = transaction.execute(step).first() is not None
        for statement in also if moved else ():
            transaction.execute(statement)
    sample = get_sample(engine, sample_id)
    if not moved:
        reviewer = f" by {sample.reviewer}" if sample.reviewer else ""
        raise ConflictError(
            f"field sample {sample_id} cannot become {target}: it is {sample.state}{reviewer}, "
            f"{' or '.join(allowed)} expected"
        )
    return sample


def _same_claim(engine: Engine, claim: FieldSample) -> FieldSample:
    """The sample of an earlier report of the same request, if it claims the same."""
    query = select(FieldSample).where(FieldSample.request_id == claim.request_id)
    with session(engine) as transaction:
        earlier = transaction.scalars(query).one()
        if earlier.claimed_label is None:  # we asked about it ourselves
            earlier.claimed_label = claim.claimed_label
            earlier.claimed_attack_id = claim.claimed_attack_id
            earlier.comment = earlier.comment or claim.comment
            earlier.category = claim.category
    if (earlier.claimed_label, earlier.claimed_attack_id) != (
        claim.claimed_label,
        claim.claimed_attack_id,
    ):
        raise ConflictError(
            f"request {claim.request_id} is flagged as {earlier.claimed_label} already, "
            f"field sample {earlier.id} is {earlier.state}"
        )
    return earlier


def _now() -> dict[str, datetime]:
    return {"reviewed_at": datetime.now(UTC)}
