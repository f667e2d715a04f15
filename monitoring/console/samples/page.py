"""Samples: what was scored, searched and heard; the whole life of one, and its end."""

from __future__ import annotations

from dataclasses import asdict, replace
from urllib.parse import urlencode

from sqlalchemy import select
from starlette.responses import Response

from infra import audit
from infra.access.scopes import Scope
from infra.database import reading
from infra.errors import AbsentError, ConflictError
from infra.field_samples import LABELS, NO_LABELS, SampleState, Use, erase, get_sample
from infra.review.history import history
from infra.review.sample_recordings import audio_hash
from infra.review.sample_states import OPEN, Origin
from infra.review.votes import answered_by
from infra.storage import open_store
from infra.tables import FieldSample, LabelRevision, ScoredRequest
from monitoring.console.media.sources import library_of
from monitoring.console.page import Action, Page, View
from monitoring.console.reviewing.timeline import timeline_of
from monitoring.console.samples.search import STATES, Wish, search, totals
from monitoring.console.visit import Visit

PATH = "/samples"
LONGEST = 200  # letters of a filter


def show(visit: Visit) -> Response:
    """The list."""
    sent = visit.request.query_params
    wish = Wish(**{name: sent.get(name, "").strip()[:LONGEST] for name in asdict(Wish())})
    result = search(visit.engine, wish, visit.actor, sees_gold=_sees_all(visit))
    scored, states = totals(visit.engine)
    return visit.page(
        "samples",
        wish=wish,
        rows=[
            (request, sample, is_hidden(sample, done, visit))
            for request, sample, done in result.rows
        ],
        next_page=_address(replace(wish, after=result.after)) if result.after else "",
        first_page=_address(replace(wish, after="")) if wish.after else "",
        scored=scored,
        states=states,
        choices={"state": STATES, "origin": tuple(Origin), "label": (*LABELS, *NO_LABELS)},
        current=PATH,
    )


def show_one(visit: Visit) -> Response:
    """All that is known of one request, as far as the visitor may know it yet."""
    request_id = visit.request.path_params["request_id"]
    query = (
        select(ScoredRequest, FieldSample, answered_by(visit.actor))
        .outerjoin(FieldSample, FieldSample.request_id == ScoredRequest.request_id)
        .where(ScoredRequest.request_id == request_id)
    )
    with reading(visit.engine) as transaction:
        row = transaction.execute(query).first()
    if row is None:
        raise AbsentError(f"no scored request with the id {request_id[:40]}")
    request, sample, done = row
    hidden = is_hidden(sample, done, visit)
    return visit.page(
        "sample",
        request=request,
        sample=sample,
        hidden=hidden,
        has_audio=(sample.audio_key if sample else request.audio_key) is not None,
        revisions=[] if hidden else _revisions(visit, sample),
        timeline=None if hidden else timeline_of(request),
        may_erase=visit.person.may(Scope.ADMIN),
        keeps_days=visit.desk.here.audio_retention_days,
        current=PATH,
    )


def take_erasure(visit: Visit) -> Response:
    """Erase a sample: its recording, wherever it lies, its comment and its speaker."""
    sample = get_sample(visit.engine, visit.number("sample_id"))
    if sample.state == SampleState.ERASED:
        raise ConflictError(f"field sample {sample.id} was erased already")
    audit.append(visit.engine, audit.Event.ERASURE, visit.actor, {"field_sample": sample.id})
    sha256 = audio_hash(visit.engine, sample.id)
    key = erase(visit.engine, sample.id)
    if key is not None:
        open_store(visit.desk.here).delete(key)
    library_of(visit.desk).forget(sha256)
    return visit.back_to(
        f"{PATH}/{sample.request_id}", f"Sample {sample.id} and its recording are erased."
    )


def is_hidden(sample: FieldSample | None, is_answered: bool, visit: Visit) -> bool:
    """Whether label, score and claim would influence the visitor's own answer, still to come."""
    if sample is None or is_answered or _sees_all(visit):
        return False
    return sample.state in OPEN or sample.use == Use.GOLD


def _sees_all(visit: Visit) -> bool:
    """An administrator who wants to see all of it says so in the address."""
    return visit.person.may(Scope.ADMIN) and visit.request.query_params.get("all") == "yes"


def _revisions(visit: Visit, sample: FieldSample | None) -> list[LabelRevision]:
    if sample is None:
        return []
    rows = history(visit.engine, sample.id)
    if sample.use == Use.GOLD and not _sees_all(visit):
        return [row for row in rows if row.reviewer == visit.actor]
    return rows


def _address(wish: Wish) -> str:
    return f"{PATH}?{urlencode({name: value for name, value in asdict(wish).items() if value})}"


SAMPLES = Page(
    "Samples",
    views=(View(PATH, show, Scope.REVIEW), View(PATH + "/{request_id}", show_one, Scope.REVIEW)),
    actions=(Action(PATH + "/{sample_id}/erase", take_erasure, Scope.ADMIN),),
)
