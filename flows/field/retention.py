"""Recordings that were kept for long enough are forgotten, unless a field sample needs them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import PurePosixPath

from prefect import task
from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session

from flows.places import engine
from infra.database import session
from infra.errors import UnreachableError
from infra.field_samples import OPEN, SampleState
from infra.settings import settings
from infra.storage import ObjectStore, open_store
from infra.tables import FieldSample, ScoredRequest

log = logging.getLogger("antiphon.retention")

RECORDINGS = "recordings/"  # recordings/YYYY-MM-DD/REQUEST.SUFFIX, kept by the endpoint
FLAGGED = "flagged/"  # flagged/REQUEST.SUFFIX, sent with a claim
CONTENT = "pcm/"  # pcm/HA/HASH.SUFFIX, of samples
NEEDED = (*OPEN, SampleState.ACCEPTED)
AT_ONCE = 500  # ids in one statement


@task
def forget_old_recordings() -> int:
    """Forget what is older than the settings allow; after an outage, the next check does it."""
    here = settings()
    today = datetime.now(UTC).date()
    try:
        forgotten = forget(engine(), open_store(here), today, here.audio_retention_days)
    except UnreachableError as error:
        log.error("old recordings stay until the next check: %s", error)
        return 0
    if forgotten:
        log.info("%d recordings were older than %d days", forgotten, here.audio_retention_days)
    return forgotten


def forget(database: Engine, store: ObjectStore, today: date, days: int) -> int:
    """Delete recordings older than `days` days; returns how many.

    The tables forget them first: stopped in between, the objects are found again by their keys.
    """
    keys = [*store.list(RECORDINGS), *store.list(FLAGGED), *store.list(CONTENT)]
    with session(database) as opened:
        days_heard = heard_on(keys, _days_scored(opened, keys))
        old = expired(days_heard, _needed(opened), today, days)
        _forget_keys(opened, old)
    for key in old:
        store.delete(key)
    return len(old)


def expired(
    last_scored: Mapping[str, date], needed: Collection[str], today: date, days: int
) -> list[str]:
    """The keys of audio heard more than `days` days ago that no field sample needs, in order."""
    return sorted(
        key for key, day in last_scored.items() if (today - day).days > days and key not in needed
    )


def heard_on(keys: Iterable[str], scored: Mapping[str, date]) -> dict[str, date]:
    """The day of each key: the one it names, else that of its request in `scored`.

    Keys of neither kind are left out, and so is what belongs to no known request.
    """
    days = ((key, _day_named(key) or scored.get(_request(key))) for key in keys)
    return {key: day for key, day in days if day is not None}


def _day_named(key: str) -> date | None:
    parts = key.split("/")
    if not key.startswith(RECORDINGS) or len(parts) != 3:
        return None
    try:
        return date.fromisoformat(parts[1])
    except ValueError:
        return None


def _request(key: str) -> str:
    return PurePosixPath(key).stem


def _days_scored(opened: Session, keys: Sequence[str]) -> dict[str, date]:
    """The last day of what is behind each key that names none: a request, or a hash of audio."""
    last_scored: dict[str, date] = {}
    for some in _in_batches([_request(key) for key in keys if key.startswith(FLAGGED)]):
        query = select(ScoredRequest.request_id, ScoredRequest.scored_at)
        rows = opened.execute(query.where(ScoredRequest.request_id.in_(some)))
        last_scored.update((request_id, scored_at.date()) for request_id, scored_at in rows)
    for some in _in_batches([_request(key) for key in keys if key.startswith(CONTENT)]):
        hashes = (
            select(FieldSample.pcm_sha256, func.max(ScoredRequest.scored_at))
            .join(ScoredRequest, ScoredRequest.request_id == FieldSample.request_id)
            .where(FieldSample.pcm_sha256.in_(some))
            .group_by(FieldSample.pcm_sha256)
        )
        last_scored.update((digest, at.date()) for digest, at in opened.execute(hashes))
    return last_scored


def _needed(opened: Session) -> set[str]:
    query = select(FieldSample.audio_key).where(FieldSample.state.in_(NEEDED))
    return {key for key in opened.scalars(query) if key is not None}


def _forget_keys(opened: Session, keys: Sequence[str]) -> None:
    for some in _in_batches(keys):
        requests = [_request(key) for key in some]  # by primary key: the score log is long
        for table in (ScoredRequest, FieldSample):
            named = update(table).where(table.request_id.in_(requests), table.audio_key.in_(some))
            opened.execute(named.values(audio_key=None))
        _forget_content(opened, [key for key in some if key.startswith(CONTENT)])


def _forget_content(opened: Session, keys: Sequence[str]) -> None:
    samples = FieldSample.audio_key.in_(keys)
    requests = select(FieldSample.request_id).where(
        samples, FieldSample.pcm_sha256.in_([_request(key) for key in keys])
    )
    named = update(ScoredRequest).where(ScoredRequest.request_id.in_(requests))
    opened.execute(named.where(ScoredRequest.audio_key.in_(keys)).values(audio_key=None))
    opened.execute(
        update(FieldSample)
        .where(samples, FieldSample.pcm_sha256.in_([_request(key) for key in keys]))
        .values(audio_key=None)
    )


def _in_batches(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]
