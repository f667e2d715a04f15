"""Works on jobs, one at a time in each worker, one recording at a time.

A job has one turn of the detector among the requests of the worker, as a request has.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from infra.calls import jobs
from infra.calls.jobs import LostJobError
from infra.errors import AbsentError, UnreachableError
from infra.tables import JobRow
from infra.webhooks.outbox import WebhookEvent
from infra.webhooks.targets import AllowedTargets, Target, TargetError
from models.errors import InputError
from serving.api.database_calls import in_database
from serving.api.draining import Drain
from serving.api.schemas import ScoreQuery
from serving.api.scoring import batch_item
from serving.door import Door
from serving.errors import NotReadyError
from serving.jobs.archive import LeftRecording, recordings_in

log = logging.getLogger(__name__)

IDLE_S = 2.0  # between two looks for a job that another worker wrote
RENEWAL_S = 30.0
AWAY = "jobs cannot be read or written"
CLEANING_S = 3600.0


class JobRunner:
    """The task of one worker."""

    def __init__(self, door: Door, targets: AllowedTargets, drain: Drain, max_bytes: int) -> None:
        self._door, self._targets, self._drain = door, targets, drain
        self._max_bytes = max_bytes
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        """Whether it is working or waiting for work."""
        return self._task is not None and not self._task.done()

    def wake(self) -> None:
        """A job was written: look now."""
        self._wake.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work on jobs meanwhile; at the end a job in hand is given back."""
        self._task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        cleaned = float("-inf")
        clock = asyncio.get_running_loop()
        while True:
            try:
                if clock.time() - cleaned > CLEANING_S:
                    await self._in_database(jobs.forget_ended)
                    cleaned = clock.time()
                while await self._work_on_one():
                    continue
            except NotReadyError:  # the score log says why
                log.debug("jobs wait for the database")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), IDLE_S)
            self._wake.clear()

    async def _work_on_one(self) -> bool:
        if self._drain.begun or self._door.slot.current is None:
            return False
        job = await self._in_database(jobs.claim_job)
        if job is None:
            return False
        renewing = asyncio.create_task(self._renew(job))
        try:
            await self._score_all(job)
        except LostJobError:
            log.info("job %s was deleted, or another worker has it", job.id)
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(job))
            raise
        finally:
            renewing.cancel()
        return True

    async def _score_all(self, job: JobRow) -> None:
        error = None
        if job.attempts > jobs.ATTEMPTS:
            error = f"its workers ended {jobs.ATTEMPTS} times while they worked on it"
        else:
            try:
                await self._score_files(job)
            except InputError as refusal:
                error = str(refusal)
        message = await self._message(job, error)
        keys = [file["key"] for file in job.files]
        await self._in_database(lambda engine: jobs.end_job(engine, job, error, message))
        await asyncio.to_thread(self._delete, keys)

    async def _score_files(self, job: JobRow) -> None:
        """Score what has no result yet."""
        ready = sum(await self._in_database(lambda engine: jobs.count_results(engine, job.id)))
        number = 0
        turn = asyncio.Semaphore(1)
        with tempfile.TemporaryDirectory(prefix="antiphon-job-") as folder:
            for file in job.files:
                left = await asyncio.to_thread(self._open, file, Path(folder))
                while (recording := await asyncio.to_thread(next, left, None)) is not None:
                    if number >= ready:
                        await self._score_one(job, number, recording, turn)
                    number += 1

    async def _score_one(
        self, job: JobRow, number: int, recording: LeftRecording, turn: asyncio.Semaphore
    ) -> None:
        query = ScoreQuery.model_validate(job.options)
        item = await batch_item(self._door, query, recording, turn)
        while item.status == 503:  # no champion for a moment, no decoding process
            await asyncio.sleep(IDLE_S)
            item = await batch_item(self._door, query, recording, turn)
        status, document = item.status, item.model_dump_json()
        await self._in_database(
            lambda engine: jobs.record_result(engine, job, number, status, document)
        )

    def _open(self, file: dict[str, Any], folder: Path) -> Iterator[LeftRecording]:
        path = folder / Path(file["key"]).name
        try:
            self._door.store.fetch(file["key"], path)
        except AbsentError as error:
            raise InputError(f"{file['name']}: is not in the object store any more") from error
        except UnreachableError as error:
            raise NotReadyError(f"the object store is away ({error})") from error
        return recordings_in(path, file["name"], self._max_bytes)

    async def _message(self, job: JobRow, error: str | None) -> tuple[WebhookEvent, Target] | None:
        if job.webhook_url is None:
            return None
        try:
            target = self._targets.target(job.webhook_url)
        except TargetError as refusal:  # the list became shorter
            log.warning("job %s ends without its message: %s", job.id, refusal)
            return None
        answered, refused = await self._in_database(
            lambda engine: jobs.count_results(engine, job.id)
        )
        data = {
            "job_id": job.id,
            "state": "done" if error is None else "failed",
            "answered": answered,
            "refused": refused,
            "error": error,
            "path": f"/v1/jobs/{job.id}",
        }
        return WebhookEvent(f"job/{job.id}", "job.ended", datetime.now(UTC), data), target

    def _delete(self, keys: list[str]) -> None:
        for key in keys:
            try:
                self._door.store.delete(key)
            except UnreachableError as error:
                log.warning("%s of a job that ended was not deleted: %s", key, error)

    async def _renew(self, job: JobRow) -> None:
        while True:
            await asyncio.sleep(RENEWAL_S)
            with contextlib.suppress(NotReadyError, LostJobError):
                await self._in_database(lambda engine: jobs.renew_claim(engine, job))

    async def _give_back(self, job: JobRow) -> None:
        with contextlib.suppress(NotReadyError, LostJobError):
            await self._in_database(lambda engine: jobs.give_back(engine, job))

    async def _in_database(self, call: Any) -> Any:
        engine = self._door.score_log.engine

        def with_engine() -> Any:
            opened: Engine = engine()
            return call(opened)

        return await in_database(AWAY, with_engine)
