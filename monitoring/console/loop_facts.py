"""What the Loop page shows, read from registry, ledger and audit log."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import Engine, func, not_, select

from infra import ledger, registry
from infra.audit import Event
from infra.database import reading
from infra.field_samples import SampleState
from infra.model_versions import ModelVersion
from infra.review.sample_states import Use
from infra.shadows import ShadowTerms
from infra.tables import AuditRow, Cycle, CycleRequestRow, DriftCheck, FieldSample, ScoredRequest
from monitoring.console.keeping import kept
from monitoring.console.visit import Visit

MOVES = (Event.PROMOTION, Event.REFUSAL, Event.ROLLBACK, Event.ALIAS_MOVED)
REGISTRY_S = 3.0  # the registry is asked no more often
HISTORY = 20
DECIDED = (SampleState.ACCEPTED, SampleState.REJECTED, SampleState.ERASED)
LAGS = 200  # the last labels whose lag counts


@dataclass(frozen=True)
class Aliases:
    """Whom the registry's aliases name."""

    champion: ModelVersion | None
    challenger: ModelVersion | None
    previous: int | None

    @property
    def shadow(self) -> ShadowTerms | None:
        """The terms of the challenger."""
        return ShadowTerms.of(self.challenger) if self.challenger else None


@dataclass(frozen=True)
class PastVerdict:
    """One ended cycle, and where its evidence is."""

    cycle: Cycle
    requests: Sequence[CycleRequestRow]
    evidence: str | None  # the name of its folder

    @property
    def summary(self) -> Mapping[str, Any]:
        """What the ledger keeps of it."""
        return self.cycle.summary or {}

    @property
    def verdict(self) -> Mapping[str, Any]:
        """The figures of its verdict; empty where it came to none."""
        return self.summary.get("verdict") or {}

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the difference of the EERs, candidate − champion."""
        ends = self.verdict.get("interval")
        return (float(ends[0]), float(ends[1])) if ends else None

    @property
    def triggers(self) -> str:
        """Whatever asked for it."""
        return ", ".join(dict.fromkeys(request.trigger for request in self.requests))


@dataclass(frozen=True)
class Labels:
    """How many field samples wait, and how long labels take."""

    waiting: int
    oldest: datetime | None
    new: int  # may train, and no dataset version holds them yet
    kept_apart: int  # accepted for the audit or to measure reviewers: they do not train
    held: int  # kept from training by a check of labels
    lag: timedelta | None  # median of the last ones, from flag to label


def aliases(visit: Visit) -> Aliases:
    """Raises UnreachableError where the registry cannot be reached."""
    return kept(
        visit.desk,
        "aliases",
        REGISTRY_S,
        lambda: Aliases(registry.champion(), registry.challenger(), registry.previous()),
    )


def champion_since(engine: Engine, version: int) -> datetime | None:
    """When a version became the champion, by the audit log."""
    moves = select(AuditRow).where(AuditRow.event.in_([move.value for move in MOVES]))
    with reading(engine) as transaction:
        for row in transaction.scalars(moves.order_by(AuditRow.seq.desc()).limit(HISTORY)):
            document = document_of(row)
            if (document.get("champion_again") or document.get("version")) == version:
                return datetime.fromisoformat(row.at)
    return None


def last_answer(engine: Engine, version: int) -> ScoredRequest | None:
    """The last request that a version answered: it holds the threshold."""
    rows = select(ScoredRequest).where(ScoredRequest.model_version == version)
    with reading(engine) as transaction:
        return transaction.scalar(rows.order_by(ScoredRequest.scored_at.desc()).limit(1))


def history(engine: Engine) -> list[PastVerdict]:
    """The last ended cycles, newest first."""
    cycles = [cycle for cycle in ledger.recent_cycles(engine, HISTORY) if cycle.ended_at]
    requests, places = ledger.requests_of(engine, cycles), evidence_places(engine)
    return [
        PastVerdict(cycle, requests[cycle.id], places.get(str((cycle.summary or {}).get("run_id"))))
        for cycle in cycles
    ]


def evidence_places(engine: Engine) -> dict[str, str]:
    """The newest evidence folder of each run."""
    rows = select(AuditRow).where(AuditRow.event == Event.VERDICT.value)
    with reading(engine) as transaction:
        last = transaction.scalars(rows.order_by(AuditRow.seq.desc()).limit(200)).all()
    documents = [document_of(row) for row in reversed(last)]
    return {
        str(document["run"]): str(document["evidence"]).rpartition("/")[2]
        for document in documents
        if "run" in document and "evidence" in document
    }


def recent_rows(engine: Engine, limit: int = 12) -> list[tuple[AuditRow, dict[str, Any]]]:
    """The last rows of the audit log with their documents, newest first."""
    with reading(engine) as transaction:
        rows = transaction.scalars(select(AuditRow).order_by(AuditRow.seq.desc()).limit(limit))
        return [(row, document_of(row)) for row in rows]


def last_check(engine: Engine) -> DriftCheck | None:
    """The last drift check."""
    checks = ledger.recent_drift_checks(engine, limit=1)
    return checks[0] if checks else None


def labels(engine: Engine) -> Labels:
    """Raises UnreachableError."""
    waiting = FieldSample.state.not_in(DECIDED)
    accepted = (FieldSample.state == SampleState.ACCEPTED, FieldSample.dataset_revision.is_(None))
    trains, is_held = FieldSample.use == Use.TRAIN, func.coalesce(FieldSample.held, "") != ""
    parts = [
        func.count().filter(*accepted, *part)
        for part in ((trains, not_(is_held)), (not_(trains),), (trains, is_held))
    ]
    labelled = select(FieldSample.flagged_at, FieldSample.reviewed_at).where(
        FieldSample.reviewed_at.is_not(None), FieldSample.state == SampleState.ACCEPTED
    )
    with reading(engine) as transaction:
        count, oldest = transaction.execute(
            select(func.count(), func.min(FieldSample.flagged_at)).where(waiting)
        ).one()
        counts = transaction.execute(select(*parts).select_from(FieldSample)).one()
        last = transaction.execute(labelled.order_by(FieldSample.id.desc()).limit(LAGS)).all()
    lags = [(reviewed - flagged).total_seconds() for flagged, reviewed in last]
    lag = timedelta(seconds=median(lags)) if lags else None
    new, kept_apart, held = counts
    return Labels(count, oldest, new, kept_apart, held, lag)


def document_of(row: AuditRow) -> dict[str, Any]:
    """The document of a row; empty if it was altered."""
    try:
        document = json.loads(row.document)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def age_h(moment: datetime) -> float:
    """Hours since then."""
    return (datetime.now(UTC) - moment).total_seconds() / 3600
