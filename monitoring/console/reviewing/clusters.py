"""Clusters: recordings that the detector embeds alike, answered at once after some were heard."""

from __future__ import annotations

import uuid

from sqlalchemy import select
from starlette.responses import Response

from infra.access.scopes import Scope
from infra.database import reading
from infra.errors import AbsentError
from infra.review.answers import WORDS, Answer
from infra.review.batches import clusters, label_cluster
from infra.review.sample_states import OPEN, Use
from infra.review.votes import answered_by
from infra.tables import FieldSample, ScoredRequest
from monitoring.console.errors import Refusal
from monitoring.console.page import Action, View
from monitoring.console.params import params_of
from monitoring.console.visit import Visit

PATH = "/review/clusters"
REVIEW_PATH = "/review"
MOST_SHOWN = 24  # recordings to listen to, of which a few are enough
LONGEST_NAME = 64


def show(visit: Visit) -> Response:
    """The clusters that wait, or with `name` one of them."""
    name = visit.request.query_params.get("name", "")
    return visit.page(
        "clusters",
        waiting=clusters(visit.engine),
        name=name,
        samples=_samples(visit, name) if name else [],
        cap=params_of(visit).review.cluster_cap,
        words=WORDS,
        key=str(uuid.uuid4()),  # of this form: sent twice, it is one answer
        current=REVIEW_PATH,
    )


def take_label(visit: Visit) -> Response:
    """One answer to the first samples of a cluster."""
    name, label = visit.text("name", LONGEST_NAME), visit.text("label")
    if label not in WORDS:
        raise Refusal(400, f"label: one of {', '.join(WORDS)} expected, found {label[:40]!r}")
    answer = Answer(label, attack_id=visit.text("attack_id", 128) or None)
    key = visit.text("key", 36)
    labelled = label_cluster(visit.engine, name, visit.actor, answer, key, params_of(visit).review)
    return visit.back_to(
        PATH,
        f"{len(labelled)} samples of cluster {name} are answered as {label}. Undo on the page "
        "Review takes all of them back.",
    )


def _samples(visit: Visit, name: str) -> list[tuple[int, float]]:
    """Numbers and lengths of recordings that wait for this reviewer. Raises AbsentError."""
    query = (
        select(FieldSample.id, ScoredRequest.duration_s)
        .join(ScoredRequest, ScoredRequest.request_id == FieldSample.request_id)
        .where(FieldSample.cluster == name, FieldSample.use == Use.TRAIN)
        .where(FieldSample.state.in_(OPEN), FieldSample.audio_key.is_not(None))
        .where(~answered_by(visit.actor))
        .order_by(FieldSample.id)
        .limit(MOST_SHOWN)
    )
    with reading(visit.engine) as transaction:
        rows = [(number, seconds) for number, seconds in transaction.execute(query)]
    if not rows:
        raise AbsentError(f"no sample of cluster {name[:LONGEST_NAME]} waits for {visit.actor}")
    return rows


CLUSTER_VIEWS = (View(PATH, show, Scope.REVIEW),)
CLUSTER_ACTIONS = (Action(PATH + "/label", take_label, Scope.REVIEW),)
