"""The addresses of a recording's sound and pictures, below /media/KIND/NAME."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from starlette.responses import JSONResponse, Response, StreamingResponse

from infra.access.scopes import Scope
from monitoring.console.errors import Refusal
from monitoring.console.media import ranges, spectrogram
from monitoring.console.media.library import SourceRecording
from monitoring.console.media.rendition import MIX, Progress, Rendition
from monitoring.console.media.sources import library_of, recording_of
from monitoring.console.page import View
from monitoring.console.visit import Visit

MOST_COLUMNS = 4_096
HEADER_PATIENCE_S = 20.0  # until something is known of a recording: others may be read first
SOME_S = 5.0  # of a recording that are there when a page is told of it
SOME_PATIENCE_S = 0.15
# a browser plays and draws the same clip again and again; an erased one must not stay for long
_KEPT = {"Cache-Control": "private, max-age=300"}

Answer = Callable[[Visit, SourceRecording, Rendition], Response]


def describe(visit: Visit, recording: SourceRecording, rendition: Rendition) -> Response:  # noqa: ARG001
    """What a player needs to know; a player asks again while the recording is being read."""
    if rendition.progress is Progress.READING:
        rendition.wait(round(SOME_S * rendition.rate), SOME_PATIENCE_S)
    seconds = recording.seconds
    if rendition.frames is not None and rendition.rate:
        seconds = rendition.frames / rendition.rate
    return JSONResponse(
        {
            "progress": rendition.progress,
            "sentence": rendition.sentence,
            "rate": rendition.rate,
            "channels": rendition.channels,
            "seconds": seconds,
            "done_s": rendition.done / rendition.rate if rendition.rate else 0.0,
            "highest_hz": spectrogram.highest_hz(rendition.rate),
            "column_s": spectrogram.COLUMN_S,
            "tile_columns": spectrogram.COLUMNS,
            "levels": spectrogram.LEVELS,
        }
    )


def sound(visit: Visit, recording: SourceRecording, rendition: Rendition) -> Response:  # noqa: ARG001
    """One channel as a WAV file, by range; it may still be decoded while it is played."""
    channel = _channel(visit, rendition)
    if rendition.frames is None:  # a file that does not say how long it is
        rendition.wait(1 << 62, ranges.PATIENCE_S)
    _require_sound(rendition)
    size = ranges.wave_size(rendition)
    header = visit.request.headers.get("range")
    wanted = ranges.wanted(header, size)
    if wanted is None:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
    start, stop = wanted
    headers = {"Accept-Ranges": "bytes", "Content-Length": str(stop - start), **_KEPT}
    if header is not None:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return StreamingResponse(
        ranges.wave_bytes(rendition, channel, start, stop),
        status_code=200 if header is None else 206,
        media_type="audio/wav",
        headers=headers,
    )


def peaks(visit: Visit, recording: SourceRecording, rendition: Rendition) -> Response:  # noqa: ARG001
    """The lowest and highest sample of each column of a span, as int16, little-endian."""
    channel = _channel(visit, rendition)
    start, stop = _seconds(visit, "from"), _seconds(visit, "to")
    columns = _whole(visit, "columns", MOST_COLUMNS)
    if not start < stop or columns == 0:
        raise Refusal(400, "from < to and columns of 1 or more expected")
    first, last = (round(at * rendition.rate) for at in (start, stop))
    data = rendition.peaks(first, max(last, first + 1), columns, channel).astype("<i2").tobytes()
    done = rendition.progress is Progress.READY
    return Response(data, media_type="application/octet-stream", headers=_KEPT if done else None)


def tile(visit: Visit, recording: SourceRecording, rendition: Rendition) -> Response:
    """A picture of one tile of the spectrogram, made once."""
    channel = _channel(visit, rendition)
    level = _whole(visit, "level", spectrogram.LEVELS - 1)
    index = _whole(visit, "index", 10**6)
    end = (index + 1) * spectrogram.tile_seconds(level) * rendition.rate
    if rendition.progress is not Progress.READY and rendition.done < end:
        raise Refusal(409, "this part of the recording is still being read")
    path = library_of(visit.desk).tile_path(recording.sha256, f"{channel}-{level}-{index}.png")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        data = spectrogram.tile(rendition, level, index, channel)
        if path.parent.is_dir():
            scratch = path.with_name(f".{uuid.uuid4().hex}")
            scratch.write_bytes(data)
            scratch.replace(path)
    return Response(data, media_type="image/png", headers=_KEPT)


def media_views(
    prefix: str, find: Callable[[Visit], SourceRecording], scope: Scope | None
) -> tuple[View, ...]:
    """The addresses below a prefix; `find` gives the recording of a request."""

    def view(name: str, answer: Answer) -> View:
        def serve(visit: Visit) -> Response:
            recording = find(visit)
            rendition = library_of(visit.desk).open(recording)
            rendition.wait_for_header(HEADER_PATIENCE_S)
            return answer(visit, recording, rendition)

        return View(f"{prefix}/{name}", serve, scope)

    return (
        view("info", describe),
        view("sound.wav", sound),
        view("peaks", peaks),
        view("tile", tile),
    )


def _find(visit: Visit) -> SourceRecording:
    params = visit.request.path_params
    return recording_of(visit, params["kind"], params["name"])


def _channel(visit: Visit, rendition: Rendition) -> str:
    if rendition.progress is Progress.REFUSED:
        raise Refusal(404, f"the recording cannot be heard: {rendition.sentence}")
    if rendition.progress in (Progress.FAILED, Progress.WAITING):
        raise Refusal(503, rendition.sentence or "the recording waits to be decoded")
    channel = visit.request.query_params.get("channel", MIX)
    if not rendition.has(channel):
        raise Refusal(400, f"channel: mix or 0 to {rendition.channels - 1} expected")
    return channel


def _require_sound(rendition: Rendition) -> None:
    if rendition.frames is None:
        raise Refusal(503, rendition.sentence or "the recording is still being read")


def _seconds(visit: Visit, name: str) -> float:
    try:
        value = float(visit.request.query_params[name])
    except (KeyError, ValueError) as error:
        raise Refusal(400, f"{name}: seconds expected") from error
    if not 0.0 <= value <= 1e6:
        raise Refusal(400, f"{name}: seconds from 0 on expected")
    return value


def _whole(visit: Visit, name: str, most: int) -> int:
    value = visit.request.query_params.get(name, "")
    if not value.isascii() or not value.isdecimal() or len(value) > 9 or int(value) > most:
        raise Refusal(400, f"{name}: a whole number up to {most} expected")
    return int(value)


MEDIA_VIEWS = media_views("/media/{kind}/{name}", _find, Scope.REVIEW)
