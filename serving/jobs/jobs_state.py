"""What a worker needs for jobs."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace

from infra.settings import Settings
from infra.webhooks.targets import AllowedTargets
from serving.api.draining import Drain
from serving.door import Door
from serving.errors import BusyError
from serving.jobs.runner import JobRunner
from serving.uploads import BodyLimits

UPLOADS = 2  # forms of jobs that a worker reads at once: each may take a file of disk and memory


@dataclass
class JobsOfWorker:
    """The runner, and what a form of a job may take."""

    runner: JobRunner
    targets: AllowedTargets
    limits: BodyLimits
    _uploads: int = field(default=0, init=False)

    @contextlib.contextmanager
    def upload_place(self) -> Iterator[None]:
        """Take one of the places for forms; raises BusyError if none is free."""
        if self._uploads >= UPLOADS:
            raise BusyError(f"at most {UPLOADS} forms of jobs at once expected", 5)
        self._uploads += 1
        try:
            yield
        finally:
            self._uploads -= 1


@contextlib.asynccontextmanager
async def open_jobs_of_worker(
    settings: Settings, door: Door, drain: Drain
) -> AsyncIterator[JobsOfWorker]:
    """Work on jobs until the end of the block."""
    targets = AllowedTargets.parse(settings.webhook_targets)
    single = BodyLimits(
        settings.max_upload_bytes, settings.upload_idle_s, settings.upload_timeout_s
    )
    # a form that is larger than an upload has more time to arrive
    times = max(1.0, settings.job_max_bytes / settings.max_upload_bytes)
    limits = replace(single, bytes=settings.job_max_bytes, total_s=single.total_s * times)
    runner = JobRunner(door, targets, drain, settings.max_upload_bytes)
    async with runner.running():
        yield JobsOfWorker(runner, targets, limits)
