"""Review: the page, and what its script sends and gets, as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import JSONResponse, Response

from infra.access.scopes import Scope
from infra.review.answers import Answer, region_of
from infra.review.batches import clusters
from infra.review.desk import ReviewItem, next_item, release, take_item
from infra.review.history import counts, revealed
from infra.review.judging import LostLockError, StoredRevision, submit, undo
from monitoring.console.errors import KNOWN, Refusal, status_of
from monitoring.console.media.sources import library_of
from monitoring.console.media.views import MEDIA_VIEWS
from monitoring.console.page import Action, Page, View
from monitoring.console.page import Answer as Serve
from monitoring.console.params import params_of
from monitoring.console.reviewing.clusters import CLUSTER_ACTIONS, CLUSTER_VIEWS
from monitoring.console.reviewing.neighbours import neighbours_of
from monitoring.console.reviewing.timeline import timeline_of
from monitoring.console.visit import Visit

PATH = "/review"
LONGEST_DOCUMENT = 60_000  # letters of JSON
MOST_OPEN = 200  # samples that a page names as open or skipped
Sent = TypeVar("Sent", bound=BaseModel)


class SentAnswer(BaseModel):
    """An answer as the page sends it, again and again until it is answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sample_id: int
    key: str
    label: str
    attack_id: str | None = None
    reasons: list[str] = Field(default_factory=list)
    regions: list[dict[str, Any]] = Field(default_factory=list)
    seconds: float | None = None


class SentNext(BaseModel):
    """A question for the next sample, besides those that the page has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    besides: list[int] = Field(default_factory=list, max_length=MOST_OPEN)


class SentUndo(BaseModel):
    """The wish to take the last answer back."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str


class SentSample(BaseModel):
    """A sample to hold or to give back."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sample_id: int


def show(visit: Visit) -> Response:
    """The page; its script asks for the first recording."""
    library_of(visit.desk)  # its processes start while the page loads
    return visit.page(
        "review",
        counts=counts(visit.engine, visit.actor),
        clusters=len(clusters(visit.engine)),
    )


def give_next(visit: Visit) -> dict[str, Any]:
    """The next recording, locked for this reviewer, and how far the reviewer is."""
    besides = _sent(visit, SentNext).besides
    item = next_item(visit.engine, visit.actor, params_of(visit).review, besides)
    return {"item": item and _item(item), "counts": _counts(visit)}


def take_answer(visit: Visit) -> dict[str, Any]:
    """Store an answer; a repeated one is stored once."""
    sent = _sent(visit, SentAnswer)
    answer = Answer(
        label=sent.label,
        attack_id=sent.attack_id or None,
        reasons=tuple(sent.reasons),
        regions=tuple(map(region_of, sent.regions)),
        seconds=sent.seconds,
    )
    judged = submit(
        visit.engine, sent.sample_id, visit.actor, answer, sent.key, params_of(visit).review
    )
    return {"judged": _judged(judged), "counts": _counts(visit)}


def take_back(visit: Visit) -> dict[str, Any]:
    """Undo the last answer, and give its recording once more."""
    judged = undo(visit.engine, visit.actor, _sent(visit, SentUndo).key, params_of(visit).review)
    item = take_item(visit.engine, judged.sample_id, visit.actor, params_of(visit).review)
    return {"judged": _judged(judged), "item": _item(item), "counts": _counts(visit)}


def hold(visit: Visit) -> dict[str, Any]:
    """Lock a recording for longer: somebody is listening."""
    sample_id = _sent(visit, SentSample).sample_id
    return {"item": _item(take_item(visit.engine, sample_id, visit.actor, params_of(visit).review))}


def give_back(visit: Visit) -> dict[str, Any]:
    """Let others have a recording."""
    release(visit.engine, _sent(visit, SentSample).sample_id, visit.actor)
    return {"counts": _counts(visit)}


def compare(visit: Visit) -> dict[str, Any]:
    """The nearest reviewed recordings of each class."""
    return neighbours_of(visit, visit.number("sample_id"))


def reveal(visit: Visit) -> Response:
    """What detector, client and others say of a sample, once it was judged."""
    shown = revealed(visit.engine, visit.number("sample_id"), visit.actor)
    return visit.page(
        "review_revealed",
        sample_id=visit.number("sample_id"),
        revealed=shown,
        request=shown.request,
        timeline=timeline_of(shown.request),
    )


def as_json(answer: Callable[[Visit], dict[str, Any]]) -> Serve:
    """An address for a script: what it asked for, or one sentence and a status."""

    def serve(visit: Visit) -> Response:
        try:
            return JSONResponse(answer(visit))
        except KNOWN as error:
            lost = isinstance(error, LostLockError)
            return JSONResponse({"sentence": str(error), "lost": lost}, status_of(error))

    return serve


def _sent(visit: Visit, kind: type[Sent]) -> Sent:
    try:
        return kind.model_validate_json(visit.text("document", LONGEST_DOCUMENT))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "document"
        raise Refusal(400, f"{place}: {first['msg']}") from error


def _item(item: ReviewItem) -> dict[str, Any]:
    """All that a reviewer may know before the answer."""
    return {
        "sample_id": item.sample_id,
        "seconds": item.duration_s,
        "has_audio": item.audio_key is not None,
        "media": f"/media/sample/{item.sample_id}",
        "compare": f"{PATH}/{item.sample_id}/compare",
        "locked_until": item.locked_until.isoformat(),
    }


def _judged(judged: StoredRevision) -> dict[str, Any]:
    return {
        "sample_id": judged.sample_id,
        "label": judged.label,
        "is_repeat": judged.is_repeat,
        "revealed": f"{PATH}/{judged.sample_id}/revealed",
    }


def _counts(visit: Visit) -> dict[str, Any]:
    now = counts(visit.engine, visit.actor)
    return {"waiting": now.waiting, "done_today": now.done_today, "seconds": now.seconds}


REVIEW = Page(
    "Review",
    views=(
        View(PATH, show, Scope.REVIEW),
        View(PATH + "/{sample_id}/compare", as_json(compare), Scope.REVIEW),
        View(PATH + "/{sample_id}/revealed", reveal, Scope.REVIEW),
        *CLUSTER_VIEWS,
        *MEDIA_VIEWS,
    ),
    actions=(
        Action(PATH + "/next", as_json(give_next), Scope.REVIEW),
        Action(PATH + "/answer", as_json(take_answer), Scope.REVIEW),
        Action(PATH + "/undo", as_json(take_back), Scope.REVIEW),
        Action(PATH + "/hold", as_json(hold), Scope.REVIEW),
        Action(PATH + "/release", as_json(give_back), Scope.REVIEW),
        *CLUSTER_ACTIONS,
    ),
)
