"""POST /v1/jobs; GET and DELETE /v1/jobs/{job_id}."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from infra.calls import jobs
from infra.errors import UnreachableError
from infra.tables import JobRow
from infra.webhooks.targets import TargetError
from models.errors import InputError
from serving.api.database_calls import in_database
from serving.api.guard import document, while_connected
from serving.api.once import REPLAYED, once, request_digest
from serving.api.schemas import BatchItem
from serving.api.scoring import door_of
from serving.api.values import checked, given_values, query_values, shown
from serving.errors import BusyError, MediaTypeError, NotReadyError, UnknownRequestError
from serving.jobs.jobs_state import JobsOfWorker
from serving.jobs.left_files import (
    FILES,
    LeftFile,
    check_sizes,
    hashed,
    job_digest_parts,
    store_files,
)
from serving.jobs.schemas import FIRST_PAGE, DeletedAnswer, JobAnswer, JobFields, PageQuery
from serving.uploads import FormFiles, is_form, open_form

IN_MEMORY = 2**20  # bytes of a file; larger ones are on disk
OPEN_JOBS = 100  # of one caller
LONGEST_WAIT_S = 60.0
LOOK_S = 0.25
AWAY = "jobs cannot be read or written"
Result = TypeVar("Result")


async def leave_job(request: Request) -> Response:
    """Store the files and write the job; `Prefer: wait=N` answers when it is done, if it is."""
    wait_s = _wait_s(request)
    if not is_form(request):
        raise MediaTypeError("body: multipart/form-data with file fields audio expected")
    state = _state(request)
    with state.upload_place():
        async with open_form(request, state.limits, FILES, IN_MEMORY) as form:
            job_id, headers = await _left(request, form)
    job = await while_connected(request, _waited(request, job_id, wait_s))
    place = {"Location": f"/v1/jobs/{job_id}"}
    return await _answer(request, job, {**place, **headers}, FIRST_PAGE)


async def job_state(request: Request) -> Response:
    """GET /v1/jobs/{job_id}."""
    page = checked(PageQuery, query_values(request))
    wait_s = _wait_s(request)
    job = await while_connected(request, _waited(request, request.path_params["job_id"], wait_s))
    return await _answer(request, job, {}, page, 200)


async def delete_job(request: Request) -> BaseModel:
    """DELETE /v1/jobs/{job_id}: the job, its files and its results; it ends where it is."""
    job_id = request.path_params["job_id"]
    files = await _in_database(request, lambda engine: jobs.delete_job(engine, job_id))
    if files is None:
        raise UnknownRequestError(f"job_id: no job {shown(job_id)}")
    await _delete_files(request, files)
    return DeletedAnswer(job_id=job_id, deleted=True)


async def _left(request: Request, form: FormFiles) -> tuple[str, dict[str, str]]:
    """The id of the job, and headers that say whether an earlier request left it."""
    fields = checked(JobFields, given_values(request, form.fields))
    if not form.files:
        raise InputError("audio: files expected, the form has none")
    state = _state(request)
    check_sizes(form, request.app.state.body_limits.bytes)
    _check_target(state, fields.webhook_url)
    files = await hashed(form)
    digest = request_digest(request, *job_digest_parts(files, fields.model_dump_json()))

    async def make() -> JobAnswer:
        return await _make(request, files, fields)

    answer = await once(request, digest, make)
    if not isinstance(answer, Response):
        return job_id_of(answer.model_dump_json()), {}
    return job_id_of(bytes(answer.body)), REPLAYED


def job_id_of(document_of_job: str | bytes) -> str:
    """The id of a job by its answer."""
    return JobAnswer.model_validate_json(document_of_job).job_id


async def _make(request: Request, files: list[LeftFile], fields: JobFields) -> JobAnswer:
    caller = request.state.caller[:64]
    waiting = await _in_database(request, lambda engine: jobs.open_jobs(engine, caller))
    if waiting >= OPEN_JOBS:
        raise BusyError(f"at most {OPEN_JOBS} jobs that are not done expected of this token", 30)
    job_id = str(uuid.uuid4())
    stored = await store_files(door_of(request).store, job_id, files)
    options = fields.model_dump(mode="json", exclude_none=True, exclude={"webhook_url"})
    url = fields.webhook_url
    try:
        row = await _in_database(
            request, lambda engine: jobs.make_job(engine, job_id, caller, stored, options, url)
        )
    except NotReadyError:
        await _delete_files(request, stored)
        raise
    _state(request).runner.wake()
    return _job_answer(row, (0, 0), [], FIRST_PAGE)


async def _delete_files(request: Request, files: list[dict[str, Any]]) -> None:
    store = door_of(request).store
    for file in files:
        try:
            await asyncio.to_thread(store.delete, file["key"])
        except UnreachableError:
            return  # no job refers to them any more


def _check_target(state: JobsOfWorker, url: str | None) -> None:
    if url is None:
        return
    try:
        state.targets.target(url)
    except TargetError as error:
        raise InputError(f"webhook_url: {error}") from error


async def _waited(request: Request, job_id: str, wait_s: float) -> JobRow:
    """The job when it has ended, or after the time; raises UnknownRequestError."""
    deadline = asyncio.get_running_loop().time() + wait_s
    while True:
        job = await _in_database(request, lambda engine: jobs.find_job(engine, job_id))
        if job is None:
            raise UnknownRequestError(f"job_id: no job {shown(job_id)}")
        ended = job.state not in jobs.OPEN or request.app.state.drain.begun
        if ended or asyncio.get_running_loop().time() >= deadline:
            return job
        await asyncio.sleep(LOOK_S)


async def _answer(
    request: Request,
    job: JobRow,
    headers: dict[str, str],
    page: PageQuery,
    status: int | None = None,
) -> Response:
    counts = await _in_database(request, lambda engine: jobs.count_results(engine, job.id))
    rows = await _in_database(
        request, lambda engine: jobs.results_of(engine, job.id, page.after, page.limit)
    )
    items = [BatchItem.model_validate_json(row.document) for row in rows]
    answer = _job_answer(job, counts, items, page)
    usual = 202 if job.state in jobs.OPEN else 200
    return document(answer, status or usual, headers)


def _job_answer(
    job: JobRow, counts: tuple[int, int], items: list[BatchItem], page: PageQuery
) -> JobAnswer:
    answered, refused = counts
    following = page.after + len(items)
    return JobAnswer(
        job_id=job.id,
        state=jobs.JobState(job.state),
        made_at=job.made_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        answered=answered,
        refused=refused,
        error=job.error,
        results=items,
        next=following if following < answered + refused else None,
    )


def _wait_s(request: Request) -> float:
    """Seconds of `Prefer: wait=N` (RFC 7240); other preferences are not known and do no harm."""
    for preference in request.headers.get("prefer", "").split(","):
        match = re.fullmatch(r"\s*wait\s*=\s*(\d{1,4})\s*", preference, re.ASCII)
        if match:
            return min(float(match[1]), LONGEST_WAIT_S)
    return 0.0


def _state(request: Request) -> JobsOfWorker:
    state: JobsOfWorker = request.app.state.jobs
    return state


async def _in_database(request: Request, call: Callable[[Engine], Result]) -> Result:
    engine = door_of(request).score_log.engine
    return await in_database(AWAY, lambda: call(engine()))
