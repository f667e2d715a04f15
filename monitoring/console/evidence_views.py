"""The evidence page of a verdict, inside the console: as it was written and sealed."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path

from sqlalchemy import select
from starlette.responses import FileResponse, Response

from infra.artifacts import fetch_artifacts
from infra.audit import Event
from infra.database import reading
from infra.errors import AbsentError, ConflictError
from infra.tables import AuditRow
from monitoring.console.headers import DOCUMENT_POLICY
from monitoring.console.page import View
from monitoring.console.visit import Visit

FOLDER = "evidence"  # in the state folder, and among the artifacts of a run
_NAME = re.compile(r"[0-9a-f]{16}")


def show(visit: Visit) -> Response:
    """The page in a frame, so that the navigation stays."""
    name = _name(visit)
    page_of(visit, name)  # what is missing is told here
    return visit.page("evidence", name=name, current="/")


def show_document(visit: Visit) -> Response:
    """The file itself; nothing in it can run or load anything."""
    headers = {"content-security-policy": DOCUMENT_POLICY, "x-frame-options": "SAMEORIGIN"}
    return FileResponse(page_of(visit, _name(visit)), media_type="text/html", headers=headers)


def page_of(visit: Visit, name: str) -> Path:
    """Where index.html of a folder is; it is fetched from its run where this machine lacks it."""
    folder = visit.desk.here.state_dir / FOLDER / name
    page = folder / "index.html"
    if not page.is_file():
        with suppress(ConflictError):  # somebody else has just fetched it
            fetch_artifacts(_run_of(visit, name), f"{FOLDER}/{name}", folder)
    if not page.is_file():
        raise AbsentError(f"the evidence {name} has no page")
    return page


def _run_of(visit: Visit, name: str) -> str:
    ends = f'%"evidence":"{FOLDER}/{name}"%'
    rows = select(AuditRow).where(
        AuditRow.event == Event.VERDICT.value, AuditRow.document.like(ends)
    )
    with reading(visit.engine) as transaction:
        row = transaction.scalar(rows.limit(1))
    if row is None:
        raise AbsentError(f"the audit log knows no evidence {name}")
    return str(json.loads(row.document)["run"])


def _name(visit: Visit) -> str:
    name = str(visit.request.path_params["name"])
    if not _NAME.fullmatch(name):
        raise AbsentError(f"{name[:40]!r}: 16 hexadecimal digits of an evidence folder expected")
    return name


EVIDENCE_VIEWS = (
    View("/evidence/{name}", show),
    View("/evidence/{name}/index.html", show_document),
)
