"""Drift: the page, the map, and what is sent to review."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from starlette.responses import JSONResponse, Response

from infra.access.scopes import Scope
from infra.database import reading
from infra.errors import AbsentError
from infra.ledger import recent_drift_checks
from infra.review.sample_states import Origin
from infra.review.sources import ask_about
from infra.tables import FieldSample, ScoredRequest
from monitoring.console.drift.checks import (
    curves,
    last_checks,
    last_statuses,
    marks,
    values_of,
)
from monitoring.console.drift.embedding_map import map_of
from monitoring.console.errors import Refusal
from monitoring.console.keeping import kept
from monitoring.console.loop_facts import aliases
from monitoring.console.page import Action, Page, View
from monitoring.console.visit import Visit

PATH = "/drift"
SHOWN = 20  # checks and marks
CURVES_S = 600.0  # a new check makes new ones at once
MAP_S = 60.0  # the map is drawn anew no more often
MOST_SENT = 50  # at once


def show(visit: Visit) -> Response:
    """The page."""
    checks = recent_drift_checks(visit.engine, SHOWN)
    last = checks[0] if checks else None
    signals = sorted(
        values_of(last.report) if last else [], key=lambda s: (not s.moved, -s.of_limit)
    )
    began = checks[-1].checked_at if checks else datetime.now(UTC)
    return visit.page(
        "drift",
        champion=aliases(visit).champion,
        last=last,
        checks=checks,
        signals=signals,
        marks=marks(visit.engine, began)[::-1][:SHOWN],
        false_alarms=(last.report.get("false_alarms") or {}) if last else {},
        realised=realised_rates(last_statuses(visit.engine)),
        exemplars=_exemplars(visit, last.report if last else {}),
        evidently=f"http://{visit.desk.here.evidently_host}:{visit.desk.here.evidently_port}",
    )


def show_curves(visit: Visit) -> Response:
    """Every signal over time as a document, and what happened meanwhile."""
    newest = recent_drift_checks(visit.engine, 1)
    if not newest:
        return JSONResponse({"curves": [], "marks": []})
    key = ("curves", newest[0].id)
    drawn, began = kept(visit.desk, key, CURVES_S, lambda: _curves(visit))
    happened = [
        {"t": round(mark.at.timestamp()), "kind": mark.kind, "text": mark.text}
        for mark in marks(visit.engine, began)
    ]
    return JSONResponse({"curves": drawn, "marks": happened})


def _curves(visit: Visit) -> tuple[list[dict[str, Any]], datetime]:
    checks = last_checks(visit.engine)
    return curves(checks), checks[0].checked_at


def realised_rates(statuses: list[str]) -> dict[str, float]:
    """The share of the checks with enough requests that ended so."""
    judged = [status for status in statuses if status != "insufficient"]
    return {status: count / len(judged) for status, count in Counter(judged).items()}


def show_map(visit: Visit) -> Response:
    """The map as a document."""
    champion = aliases(visit).champion
    if champion is None:
        raise AbsentError("there is no champion yet, and so no reference")
    engine, here = visit.engine, visit.desk.here
    key = ("map", champion.version, champion.source)
    return JSONResponse(kept(visit.desk, key, MAP_S, lambda: map_of(engine, here, champion)))


def send_to_review(visit: Visit) -> Response:
    """Let people listen to answers of the map; nothing is claimed of them."""
    ids = [str(value) for value in visit.form.getlist("request_id")][: MOST_SENT + 1]
    if not ids:
        raise Refusal(400, "no recording is chosen: choose points of the map, or a group")
    if len(ids) > MOST_SENT:
        raise Refusal(400, f"{MOST_SENT} recordings at once at most, found {len(ids)} or more")
    comment = f"sent from the drift page by {visit.actor}"
    sent = ask_about(visit.engine, ids, Origin.DRIFT, MOST_SENT, comment=comment)
    left = len(ids) - sent
    others = f"; {left} had no recording or were asked about before" if left else ""
    recordings = "1 recording waits" if sent == 1 else f"{sent} recordings wait"
    return visit.back_to(PATH, f"{recordings} for review{others}.")


def _exemplars(visit: Visit, report: dict[str, Any]) -> list[dict[str, Any]]:
    """The requests that moved the last window most, and whether they can be played."""
    rows = [row for row in report.get("exemplars") or [] if "request_id" in row]
    ids = [str(row["request_id"]) for row in rows]
    requests = select(ScoredRequest.request_id, ScoredRequest.audio_key, ScoredRequest.verdict)
    flagged = select(FieldSample.request_id, FieldSample.state)
    with reading(visit.engine) as transaction:
        known = {
            row.request_id: row
            for row in transaction.execute(requests.where(ScoredRequest.request_id.in_(ids)))
        }
        states = {
            row.request_id: row.state
            for row in transaction.execute(flagged.where(FieldSample.request_id.in_(ids)))
        }
    return [
        {
            **row,
            "audio": row["request_id"] in known and known[row["request_id"]].audio_key is not None,
            "verdict": known[row["request_id"]].verdict if row["request_id"] in known else None,
            "state": states.get(row["request_id"]),
        }
        for row in rows
    ]


DRIFT = Page(
    "Drift",
    views=(
        View(PATH, show),
        View("/drift/curves.json", show_curves),
        View("/drift/map.json", show_map),
    ),
    actions=(Action("/drift/review", send_to_review, Scope.REVIEW),),
)
