"""The search of the page Samples. A page begins behind a row, so that the last is as fast as the
first.

With a filter on samples, samples are listed, newest flag first; without one, the score log, newest
answer first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, Select, and_, func, select, tuple_
from sqlalchemy.orm import Session

from infra.database import reading
from infra.field_samples import SampleState, Use
from infra.review.votes import answered_by
from infra.tables import FieldSample, ScoredRequest
from monitoring.console.errors import Refusal

PAGE = 50  # rows
MOST_FOUND = 500  # requests that one word of the search may name
NOT_ASKED = "not asked about"  # the state of a request that is no sample
_HEX = re.compile(r"[0-9a-f-]{4,64}", re.ASCII)
_CURSOR = re.compile(r"(\d{4}-[\dT:.+-]{10,35})~([\w-]{1,36})|(\d{1,18})", re.ASCII)
Hit = Row[Any]  # ScoredRequest, FieldSample or None, whether the reviewer has judged it


@dataclass(frozen=True)
class Wish:
    """What is searched; empty means any."""

    q: str = ""  # a sample's number, the beginning of a request's id or audio hash, a speaker
    state: str = ""
    origin: str = ""
    label: str = ""
    source: str = ""
    version: str = ""
    since: str = ""  # a day, YYYY-MM-DD
    until: str = ""  # likewise, included
    after: str = ""  # the last row of the page before

    @property
    def is_about_samples(self) -> bool:
        """Whether rows that are no samples are left out."""
        return bool(self.origin or self.label or (self.state and self.state != NOT_ASKED))


@dataclass(frozen=True)
class ResultPage:
    """A page of rows: request, sample and whether the reviewer has judged it."""

    rows: Sequence[Hit]
    after: str  # of the next page; empty: there is none


def search(engine: Engine, wish: Wish, reviewer: str, *, sees_gold: bool) -> ResultPage:
    """One page. Raises Refusal where a date, a version or the place of a page cannot be."""
    with reading(engine) as transaction:
        query: Select[Any] = select(
            ScoredRequest, FieldSample, answered_by(reviewer).label("answered")
        )
        if wish.is_about_samples:
            query = _of_samples(query, wish, sees_gold=sees_gold)
        else:
            query = _of_log(query, wish)
        query = _narrowed(query, wish)
        if wish.q:
            query = query.where(ScoredRequest.request_id.in_(_named(transaction, wish.q)))
        rows = transaction.execute(query.limit(PAGE + 1)).all()
    more = len(rows) > PAGE
    return ResultPage(rows[:PAGE], _place(rows[PAGE - 1], wish) if more else "")


def totals(engine: Engine) -> tuple[int, dict[str, int]]:
    """How many requests were scored, and how many samples are in each state."""
    states = select(FieldSample.state, func.count()).group_by(FieldSample.state)
    with reading(engine) as transaction:
        scored = transaction.scalar(select(func.count()).select_from(ScoredRequest)) or 0
        return scored, {state: count for state, count in transaction.execute(states)}


def _of_samples(query: Select[Any], wish: Wish, *, sees_gold: bool) -> Select[Any]:
    query = query.select_from(FieldSample).join(
        ScoredRequest, ScoredRequest.request_id == FieldSample.request_id
    )
    for value, column in (
        (wish.state, FieldSample.state),
        (wish.origin, FieldSample.origin),
        (wish.label, FieldSample.label),
    ):
        if value:
            query = query.where(column == value)
    if not sees_gold:  # a filter must not tell which item's answer is known
        query = query.where(FieldSample.use != Use.GOLD)
    if wish.after:
        _, _, number = _cursor(wish.after)
        query = query.where(FieldSample.id < int(number or 0))
    return query.order_by(FieldSample.id.desc())


def _of_log(query: Select[Any], wish: Wish) -> Select[Any]:
    query = query.select_from(ScoredRequest).outerjoin(
        FieldSample, FieldSample.request_id == ScoredRequest.request_id
    )
    if wish.state == NOT_ASKED:
        query = query.where(FieldSample.id.is_(None))
    if wish.after:
        at, request_id, _ = _cursor(wish.after)
        place = tuple_(ScoredRequest.scored_at, ScoredRequest.request_id)
        query = query.where(place < (datetime.fromisoformat(at), request_id))
    return query.order_by(ScoredRequest.scored_at.desc(), ScoredRequest.request_id.desc())


def _narrowed(query: Select[Any], wish: Wish) -> Select[Any]:
    if wish.source:
        query = query.where(ScoredRequest.source == wish.source)
    if wish.version:
        if not (wish.version.isascii() and wish.version.isdecimal() and len(wish.version) < 10):
            raise Refusal(400, f"version: a whole number expected, found {wish.version[:40]!r}")
        query = query.where(ScoredRequest.model_version == int(wish.version))
    if wish.since:
        query = query.where(ScoredRequest.scored_at >= _day("since", wish.since))
    if wish.until:
        end = _day("until", wish.until) + timedelta(days=1)
        query = query.where(ScoredRequest.scored_at < end)
    return query


def _named(transaction: Session, word: str) -> list[str]:
    """The requests that a word names."""
    names: list[ColumnElement[bool]] = [
        ScoredRequest.speaker_id == word,
        ScoredRequest.source == word,
    ]
    if _HEX.fullmatch(word.lower()):
        start = word.lower()
        for column in (ScoredRequest.request_id, ScoredRequest.audio_sha256):
            names.append(and_(column >= start, column < start + "~"))  # by the index, unlike LIKE
    requests: list[str] = []
    for name in names:  # one by one: of an OR, SQLite may read the whole table
        query = select(ScoredRequest.request_id).where(name).limit(MOST_FOUND)
        requests += transaction.scalars(query)
    if word.isascii() and word.isdecimal() and len(word) < 18:
        query = select(FieldSample.request_id).where(FieldSample.id == int(word))
        requests += transaction.scalars(query)
    return requests[: 2 * MOST_FOUND]


def _place(row: Hit, wish: Wish) -> str:
    request, sample, _ = row
    if wish.is_about_samples:
        return str(sample.id) if sample is not None else ""
    return f"{request.scored_at.isoformat()}~{request.request_id}"


def _cursor(after: str) -> tuple[str, str, str]:
    match = _CURSOR.fullmatch(after)
    try:
        if match is None or (match[1] and datetime.fromisoformat(match[1]).tzinfo is None):
            raise ValueError
    except ValueError as error:
        raise Refusal(400, "after: the place of a page expected, from the link of it") from error
    return match[1] or "9999-12-31T00:00:00+00:00", match[2] or "~", match[3] or "0"


def _day(name: str, value: str) -> datetime:
    try:
        day = datetime.strptime(value, "%Y-%m-%d").date()
    except ValueError as error:
        raise Refusal(400, f"{name}: a day as YYYY-MM-DD expected, found {value[:40]!r}") from error
    return datetime.combine(day, time(), UTC)


STATES = (NOT_ASKED, *(state.value for state in SampleState))
