"""Where the recording of an address of a page is: of a sample, of a scored request, of a try."""

from __future__ import annotations

import math
from pathlib import Path, PurePosixPath

from sqlalchemy import select

from infra.database import reading
from infra.errors import AbsentError
from infra.storage import open_store
from infra.tables import FieldSample, ScoredRequest
from monitoring.console.desk import Desk
from monitoring.console.keeping import kept
from monitoring.console.media.library import FOLDER, Library, SourceRecording
from monitoring.console.visit import Visit


def library_of(desk: Desk) -> Library:
    """The renditions of this console; its decoding processes start with it."""

    def make() -> Library:
        library = Library(desk.here.state_dir / FOLDER)
        library.start()
        desk.at_end.append(library.close)
        return library

    return kept(desk, "library", math.inf, make)


def recording_of(visit: Visit, kind: str, name: str) -> SourceRecording:
    """The recording of a sample's number, or of a request's id. Raises AbsentError."""
    query = select(ScoredRequest, FieldSample.audio_key, FieldSample.id).outerjoin(
        FieldSample, FieldSample.request_id == ScoredRequest.request_id
    )
    if kind == "sample":
        number = int(name) if name.isdecimal() and name.isascii() and len(name) < 18 else 0
        query = query.where(FieldSample.id == number)
    else:
        query = query.where(ScoredRequest.request_id == name)
    with reading(visit.engine) as transaction:
        row = transaction.execute(query).first()
    if row is None:
        raise AbsentError(f"{kind} {name[:40]}: no such recording")
    request, sample_key, sample_id = row
    # what a sample forgot is gone, also where the endpoint had kept it
    key = request.audio_key if sample_id is None else sample_key
    if key is None:
        raise AbsentError(f"{kind} {name[:40]}: its audio was not kept")
    return stored(visit, key, request.audio_sha256, request.duration_s)


def stored(visit: Visit, key: str, sha256: str, seconds: float | None) -> SourceRecording:
    """A recording of the object store."""
    store = open_store(visit.desk.here)

    def fetch(into: Path) -> None:
        store.fetch(key, into)

    return SourceRecording(sha256, PurePosixPath(key).suffix, seconds, fetch)
