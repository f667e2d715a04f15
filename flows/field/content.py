"""Recordings of samples under the hash of what they hold: the same audio twice is one object."""

from __future__ import annotations

import logging
from pathlib import PurePosixPath

from sqlalchemy import Engine, select, update

from flows.field.retention import CONTENT
from infra.database import reading, session
from infra.errors import AbsentError
from infra.field_samples import OPEN
from infra.review.sample_audio import is_shared
from infra.storage import ObjectStore
from infra.tables import FieldSample, ScoredRequest
from models.audio.content import pcm_sha256
from models.errors import InputError

log = logging.getLogger("antiphon.review")

UNREADABLE = ""  # the hash of a recording that cannot be decoded; it stays where it is
AT_ONCE = 1000  # samples; the others come with the next check


def store_by_content(database: Engine, store: ObjectStore) -> int:
    """Move the recordings of undecided samples to keys by content; returns how many moved.

    Samples whose recordings were moved keep the file that came first, in whatever format. A
    recording that is gone or cannot be decoded stays under its key.
    """
    query = (
        select(FieldSample)
        .where(FieldSample.state.in_(OPEN), FieldSample.pcm_sha256.is_(None))
        .where(FieldSample.audio_key.is_not(None))
        .order_by(FieldSample.id)
        .limit(AT_ONCE)
    )
    with reading(database) as opened:
        samples = opened.scalars(query).all()
    return sum(_move(database, store, sample) for sample in samples)


def _move(database: Engine, store: ObjectStore, sample: FieldSample) -> bool:
    old = sample.audio_key
    assert old is not None  # the query asks for it
    suffix = PurePosixPath(old).suffix
    try:
        data = store.get(old)
        digest = pcm_sha256(data, suffix)
    except (AbsentError, InputError) as error:
        log.warning("field sample %d: %s", sample.id, error)
        _point(database, sample, old, old, UNREADABLE)
        return False
    prefix = f"{CONTENT}{digest[:2]}/{digest}"
    there = store.list(prefix)
    new = there[0] if there else f"{prefix}{suffix}"
    if not there:
        store.put(new, data)
    _point(database, sample, old, new, digest)
    if not is_shared(database, digest):
        store.delete(new)  # it was erased meanwhile
    elif not store.exists(new):
        store.put(new, data)  # another sample of it was erased meanwhile
    if new != old:
        store.delete(old)
    return True


def _point(database: Engine, sample: FieldSample, old: str, new: str, digest: str) -> None:
    """Let the sample and its request name the new key, unless they were erased meanwhile."""
    step = (
        update(FieldSample)
        .where(FieldSample.id == sample.id, FieldSample.audio_key == old)
        .where(FieldSample.state.in_(OPEN))
        .values(audio_key=new, pcm_sha256=digest)
        .returning(FieldSample.id)
    )
    request = update(ScoredRequest).where(
        ScoredRequest.request_id == sample.request_id, ScoredRequest.audio_key == old
    )
    with session(database) as opened:
        if opened.execute(step).first() is not None:
            opened.execute(request.values(audio_key=new))
