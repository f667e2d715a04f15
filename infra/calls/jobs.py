"""Jobs: recordings that a client left to be scored, and the results.

    waiting -> running -> done | failed

Any worker takes a waiting job. It renews its claim while it works; a job whose claim ran out is
taken again and goes on after its last result. Each step of a worker names the attempt that it
belongs to, so that one that was slow and comes back writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Engine, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from infra.database import reading, session
from infra.tables import JobResultRow, JobRow
from infra.webhooks.outbox import WebhookEvent, put_in
from infra.webhooks.targets import Target

CLAIM = timedelta(minutes=2)
ATTEMPTS = 3  # a job that ends its worker so often is not tried again
KEPT = timedelta(days=7)  # results, after the end


class JobState(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


OPEN = (JobState.WAITING, JobState.RUNNING)


class LostJobError(Exception):
    """The job was deleted, or another worker has it now."""


def make_job(
    engine: Engine,
    job_id: str,
    caller: str,
    files: Sequence[Mapping[str, Any]],
    options: Mapping[str, Any],
    webhook_url: str | None,
) -> JobRow:
    """Write a job whose files are in the object store."""
    row = JobRow(
        id=job_id,
        made_at=datetime.now(UTC),
        caller=caller,
        state=JobState.WAITING,
        files=[dict(file) for file in files],
        options=dict(options),
        webhook_url=webhook_url,
        attempts=0,
    )
    with session(engine) as transaction:
        transaction.add(row)
    return row


def find_job(engine: Engine, job_id: str) -> JobRow | None:
    """One job."""
    with reading(engine) as transaction:
        return transaction.get(JobRow, job_id)


def open_jobs(engine: Engine, caller: str) -> int:
    """How many jobs of a caller wait or run."""
    mine = (JobRow.caller == caller, JobRow.state.in_(OPEN))
    with reading(engine) as transaction:
        return transaction.scalar(select(func.count()).select_from(JobRow).where(*mine)) or 0


def results_of(engine: Engine, job_id: str, after: int, limit: int) -> list[JobResultRow]:
    """Results from number `after` on, in the order of the recordings."""
    query = select(JobResultRow).where(JobResultRow.job_id == job_id, JobResultRow.number >= after)
    with reading(engine) as transaction:
        return list(transaction.scalars(query.order_by(JobResultRow.number).limit(limit)))


def count_results(engine: Engine, job_id: str) -> tuple[int, int]:
    """How many recordings of a job were answered, and refused."""
    query = (
        select(JobResultRow.status == 200, func.count())
        .where(JobResultRow.job_id == job_id)
        .group_by(JobResultRow.status == 200)
    )
    with reading(engine) as transaction:
        counts = {bool(answered): count for answered, count in transaction.execute(query)}
    return counts.get(True, 0), counts.get(False, 0)


def claim_job(engine: Engine) -> JobRow | None:
    """Take the oldest job that waits, or whose worker is gone; None if there is none."""
    now = datetime.now(UTC)
    gone = (JobRow.state == JobState.RUNNING) & (JobRow.claimed_until < now)
    due = select(JobRow).where(or_(JobRow.state == JobState.WAITING, gone))
    query = due.order_by(JobRow.made_at).limit(1)
    with reading(engine) as transaction:  # mostly none is, and a writer would wait for its lock
        if transaction.scalar(query) is None:
            return None
    with session(engine) as transaction:
        job = transaction.scalar(query.with_for_update(skip_locked=True))
        if job is not None:
            job.state, job.attempts = JobState.RUNNING, job.attempts + 1
            job.started_at, job.claimed_until = job.started_at or now, now + CLAIM
    return job


def renew_claim(engine: Engine, job: JobRow) -> None:
    """Keep a job for longer; raises LostJobError."""
    _step(engine, job, {"claimed_until": datetime.now(UTC) + CLAIM})


def give_back(engine: Engine, job: JobRow) -> None:
    """Let another worker go on with a job; raises LostJobError."""
    _step(engine, job, {"state": JobState.WAITING, "attempts": job.attempts - 1})


def record_result(engine: Engine, job: JobRow, number: int, status: int, document: str) -> None:
    """Write the result of a recording; raises LostJobError."""
    result = JobResultRow(job_id=job.id, number=number, status=status, document=document)
    renewed = {"claimed_until": datetime.now(UTC) + CLAIM}
    try:
        _step(engine, job, renewed, result=result)
    except IntegrityError as error:
        raise LostJobError(job.id) from error


def end_job(
    engine: Engine,
    job: JobRow,
    error: str | None,
    message: tuple[WebhookEvent, Target] | None = None,
) -> None:
    """End a job, with the message to its client if it wants one; raises LostJobError."""
    state = JobState.DONE if error is None else JobState.FAILED
    ended: dict[str, Any] = {
        "state": state,
        "error": error,
        "ended_at": datetime.now(UTC),
        "files": [],
    }
    _step(engine, job, ended, message=message)


def delete_job(engine: Engine, job_id: str) -> list[dict[str, Any]] | None:
    """Delete a job and its results; returns its files in the object store, None if unknown."""
    with session(engine) as transaction:
        job = transaction.get(JobRow, job_id, with_for_update=True)
        if job is None:
            return None
        transaction.execute(delete(JobResultRow).where(JobResultRow.job_id == job_id))
        files = list(job.files)
        transaction.delete(job)
    return files


def forget_ended(engine: Engine) -> None:
    """Delete jobs that ended some days ago, with their results."""
    old = select(JobRow.id).where(JobRow.ended_at < datetime.now(UTC) - KEPT)
    with reading(engine) as transaction:
        names = list(transaction.scalars(old))
    for name in names:
        delete_job(engine, name)


def _step(
    engine: Engine,
    job: JobRow,
    values: Mapping[str, Any],
    *,
    result: JobResultRow | None = None,
    message: tuple[WebhookEvent, Target] | None = None,
) -> None:
    """Change a job that is still this attempt's."""
    own: tuple[ColumnElement[bool], ...] = (
        JobRow.id == job.id,
        JobRow.attempts == job.attempts,
        JobRow.state == JobState.RUNNING,
    )
    changed = update(JobRow).where(*own).values(**values).returning(JobRow.id)
    with session(engine) as transaction:
        if transaction.scalar(changed) is None:
            raise LostJobError(job.id)
        if result is not None:
            transaction.add(result)
        if message is not None:
            put_in(transaction, *message)
