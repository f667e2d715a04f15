"""Try: a file or a recording from the microphone, scored by the endpoint, seen and heard."""

from __future__ import annotations

import hashlib
import math
import time
from pathlib import Path, PurePath

from starlette.datastructures import UploadFile
from starlette.responses import Response

from infra.access.scopes import Scope
from infra.database import reading
from infra.errors import AbsentError
from infra.tables import ScoredRequest
from monitoring.console.errors import HINTS, KNOWN, Refusal, status_of
from monitoring.console.media.library import SourceRecording
from monitoring.console.media.sources import library_of
from monitoring.console.media.views import media_views
from monitoring.console.page import Action, Page, View
from monitoring.console.reviewing.timeline import timeline_of
from monitoring.console.trying.endpoint import score
from monitoring.console.visit import Visit

PATH = "/try"
ROW_PATIENCE_S = 1.0  # the endpoint writes its row behind the answer


def show(visit: Visit) -> Response:
    """The page."""
    here = visit.desk.here
    return visit.page(
        "try",
        endpoints=here.endpoint_addresses,
        longest_s=here.max_audio_s,
        most_bytes=here.max_upload_bytes,
    )


def take_recording(visit: Visit) -> Response:
    """Score an upload; the answer is a part of the page."""
    try:
        name, recording = _upload(visit)
        answer = score(visit.desk.here, recording, name)
    except KNOWN as error:
        status = status_of(error)
        return visit.page("try_refused", status, sentence=str(error), hint=HINTS.get(status, ""))
    sha256 = hashlib.sha256(recording).hexdigest()
    visit.desk.kept[_key(visit, sha256)] = (math.inf, name)
    library_of(visit.desk).open(
        SourceRecording(sha256, PurePath(name).suffix, None, lambda into: _write(into, recording))
    )
    row = _row(visit, answer.request_id)
    return visit.page(
        "try_result",
        name=name,
        answer=answer,
        request=row,
        timeline=timeline_of(row) if row else None,
        media=f"{PATH}/media/{sha256}",
        may_review=visit.person.may(Scope.REVIEW),
    )


def _upload(visit: Visit) -> tuple[str, bytes]:
    upload = visit.form.get("audio")
    if not isinstance(upload, UploadFile):
        raise Refusal(400, "audio: a file expected, the form has none")
    recording = upload.file.read(visit.desk.here.max_upload_bytes + 1)
    if not recording:
        raise Refusal(400, "audio: the file is empty")
    if len(recording) > visit.desk.here.max_upload_bytes:
        most = visit.desk.here.max_upload_bytes / 2**20
        raise Refusal(413, f"audio: at most {most:.3g} MiB expected, it is larger")
    return PurePath(upload.filename or "").name[-100:], recording


def _write(into: Path, recording: bytes) -> None:
    into.write_bytes(recording)


def _row(visit: Visit, request_id: str) -> ScoredRequest | None:
    """The row in the score log; None where the endpoint writes to another database, or later."""
    deadline = time.monotonic() + ROW_PATIENCE_S
    while True:
        with reading(visit.engine) as transaction:
            row = transaction.get(ScoredRequest, request_id)
        if row is not None or time.monotonic() > deadline:
            return row
        time.sleep(0.05)


def _key(visit: Visit, sha256: str) -> tuple[str, str, str]:
    return "tried", visit.actor, sha256


def _find(visit: Visit) -> SourceRecording:
    """What this person tried before, as far as its rendition is still there."""
    sha256 = str(visit.request.path_params["name"])
    if _key(visit, sha256) not in visit.desk.kept:
        raise AbsentError("it was not tried here, or the console was started again since")

    def fetch(_: Path) -> None:
        raise AbsentError("the recording was tried too long ago")

    return SourceRecording(sha256, "", None, fetch)


TRY = Page(
    "Try",
    views=(
        View(PATH, show, Scope.SCORE),
        *media_views(PATH + "/media/{name}", _find, Scope.SCORE),
    ),
    actions=(Action(PATH + "/score", take_recording, Scope.SCORE),),
)
