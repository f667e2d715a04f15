"""When drift began and ended, by the drift checks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from sqlalchemy import Engine, select

from infra.database import reading
from infra.tables import DriftCheck
from monitoring.alerts.alert import Alert, AlertKind

OK, DRIFT = "ok", "drift"  # other statuses leave it as it was


def drift_alerts(engine: Engine, since: datetime) -> Iterator[Alert]:
    """The beginnings and ends of drift since then."""
    return (alert for alert in drift_turns(_checks(engine, since)) if alert.happened_at >= since)


def drift_turns(checks: Iterable[DriftCheck]) -> Iterator[Alert]:
    """Each beginning and end of drift in a series of checks, oldest first.

    Drift ends with a check that is `ok`, or with another version. A window that is not full, or
    over a limit for the first time, says neither.
    """
    drifting: DriftCheck | None = None
    for check in checks:
        if drifting is not None and (
            check.status == OK or check.model_version != drifting.model_version
        ):
            yield _ended(drifting, check)
            drifting = None
        if check.status == DRIFT and drifting is None:
            drifting = check
            yield _began(check)


def _began(check: DriftCheck) -> Alert:
    reasons = "; ".join(map(str, check.report.get("reasons", ())))
    return Alert(
        f"drift.began/{check.id}",
        AlertKind.DRIFT_BEGAN,
        f"Drift: the traffic of version {check.model_version} has moved",
        f"{reasons}. `antiphon monitor --json` and the Evidently page show all signals; "
        "`antiphon review list` shows the calls that wait for a label",
        check.checked_at,
    )


def _ended(began: DriftCheck, check: DriftCheck) -> Alert:
    version = began.model_version
    why = (
        "its last window is within every limit"
        if check.model_version == version
        else f"version {check.model_version} is checked now"
    )
    return Alert(
        f"drift.ended/{began.id}",
        AlertKind.DRIFT_ENDED,
        f"Drift of version {version} has ended",
        f"It began at {began.checked_at:%Y-%m-%d %H:%M} UTC; {why}",
        check.checked_at,
    )


def _checks(engine: Engine, since: datetime) -> list[DriftCheck]:
    """The checks since then, after the last one before that said `ok` or `drift`."""
    newer = select(DriftCheck).where(DriftCheck.checked_at >= since).order_by(DriftCheck.id)
    before = (
        select(DriftCheck)
        .where(DriftCheck.checked_at < since, DriftCheck.status.in_((OK, DRIFT)))
        .order_by(DriftCheck.id.desc())
        .limit(1)
    )
    with reading(engine) as transaction:
        return [*transaction.scalars(before), *transaction.scalars(newer)]
