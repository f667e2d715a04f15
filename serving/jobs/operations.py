"""The operations of jobs, with their description."""

from __future__ import annotations

from infra.access.scopes import Scope
from serving.api.examples import DELETED_JOB, JOB
from serving.api.forms import BINARY, FORM, fields_of, form
from serving.api.once import HEADER, USE
from serving.api.operation import Body, Operation
from serving.jobs import handlers
from serving.jobs.left_files import FILES
from serving.jobs.schemas import DeletedAnswer, JobAnswer, JobFields, PageQuery

PREFER = {"Prefer": "`wait=N`: answer when the job has ended, at the latest after N seconds (60)."}
LEFT = form(
    {
        "audio": {"type": "array", "items": BINARY, "minItems": 1, "maxItems": FILES},
        **fields_of(JobFields),
    },
    ["audio"],
)
JOB_OPERATIONS = (
    Operation(
        "POST", "/v1/jobs", "leave_job", handlers.leave_job, Scope.SCORE,
        "Leave recordings to be scored", JobAnswer, JOB,
        "Takes recordings and ZIP archives of them, and answers at once where the results will be "
        "(`Location`). Each recording has a result of its own, as in a batch. With `webhook_url`, "
        "its end is sent there, signed (Standard Webhooks). Results are kept for a week.",
        query=JobFields,
        body=Body({FORM: LEFT}, "-H 'Prefer: wait=10' -F audio=@calls.zip"),
        headers={HEADER: USE, **PREFER},
        refusals=(409, 415, 503), status=202, location=True, takes_place=False,
    ),
    Operation(
        "GET", "/v1/jobs/{job_id}", "job_state", handlers.job_state, Scope.SCORE,
        "How far a job is, and its results", JobAnswer, JOB,
        "Results come in pages, in the order of the recordings.",
        query=PageQuery, headers=PREFER, refusals=(400, 404, 503), takes_place=False,
    ),
    Operation(
        "DELETE", "/v1/jobs/{job_id}", "delete_job", handlers.delete_job, Scope.SCORE,
        "Delete a job, its files and its results", DeletedAnswer, DELETED_JOB,
        "A job that runs ends where it is. What was scored stays in the score log.",
        refusals=(404, 503),
    ),
)  # fmt: skip
