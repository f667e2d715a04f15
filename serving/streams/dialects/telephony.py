"""What Twilio and Telnyx have in common: JSON events, audio as base64, numbered chunks a track."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from serving.streams.dialects.dialect import base64_of, part, read_object, text_of, whole
from serving.streams.messages import ServerMessage
from serving.streams.samples import ENCODINGS
from serving.streams.steps import AudioStep, CloseStep, GapStep, OpenStep, Step
from serving.streams.stream_errors import BAD_SCHEMA, StreamError

PATIENCE = 10  # chunks that may come before one that is late: 0.2 s
LONGEST_GAP_S = 3600.0
CHUNK_S = 0.02  # that gets lost before any has come


@dataclass
class _ChunkOrder:
    """The chunks of one track, in the order of their numbers."""

    bytes_a_second: int
    next: int | None = None  # the number that is due
    early: dict[int, bytes] = field(default_factory=dict)
    length: int = 0  # bytes of the last chunk

    def take(self, number: int, data: bytes) -> list[bytes | float]:
        """What can be handed on: audio, and seconds that are missing. Late chunks are dropped."""
        if self.next is None:
            self.next = number
        if number < self.next:
            return []
        self.early.setdefault(number, data)
        return self._ready(PATIENCE)

    def rest(self) -> list[bytes | float]:
        """What still waits for chunks that are lost."""
        return self._ready(0)

    def _ready(self, patience: int) -> list[bytes | float]:
        ready: list[bytes | float] = []
        while self.early and self.next is not None:
            if self.next in self.early:
                data = self.early.pop(self.next)
                self.length = len(data) or self.length
                ready.append(data)
                self.next += 1
            elif len(self.early) > patience:
                lost = min(self.early) - self.next
                ready.append(min(lost * self._chunk_s, LONGEST_GAP_S))
                self.next += lost
            else:
                break
        return ready

    @property
    def _chunk_s(self) -> float:
        return self.length / self.bytes_a_second if self.length else CHUNK_S


class TelephonyDialect:
    """The parts that are the same; a subclass reads `start`."""

    name: str

    def __init__(self) -> None:
        self._orders: dict[str, _ChunkOrder] = {}
        self._tracks: list[str] = []
        self._opened = False

    def opening(self, query: Mapping[str, str]) -> None:
        """`start` begins the stream."""

    def read(self, message: str | bytes) -> Iterable[Step]:
        """The steps of an event; `connected`, `dtmf`, `mark` and unknown ones ask for nothing."""
        if isinstance(message, bytes):
            raise StreamError(BAD_SCHEMA, "events as text expected, found a binary frame")
        document = read_object(message)
        match document.get("event"):
            case "start":
                return [self._start(document)]
            case "media":
                return self._media(part(document, "media"))
            case "stop":
                return [*self._rest(), CloseStep()]
        return []

    def write(self, message: ServerMessage) -> Iterable[str]:  # noqa: ARG002
        """Nothing: the verdict is read elsewhere, and the caller of the socket takes none."""
        return []

    def _open(self, document: Mapping[str, Any]) -> OpenStep:
        """Read `start`. Raises StreamError."""
        raise NotImplementedError

    def _start(self, document: Mapping[str, Any]) -> OpenStep:
        if self._opened:
            raise StreamError(BAD_SCHEMA, "start: one expected, this is the second")
        opening = self._open(document)
        self._opened = True
        self._tracks = [str(name) for name in opening.channels]
        speed = opening.rate * ENCODINGS[opening.encoding].width
        self._orders = {track: _ChunkOrder(speed) for track in self._tracks}
        return opening

    def _media(self, media: Mapping[str, Any]) -> list[Step]:
        if not self._opened:
            raise StreamError(BAD_SCHEMA, "media: start before it expected")
        track = text_of(media, "track") or self._tracks[0]
        if track not in self._orders:
            raise StreamError(BAD_SCHEMA, f"media.track: one of {', '.join(self._tracks)} expected")
        number, data = whole(media, "chunk", "media."), base64_of(media, "payload")
        return self._steps(track, self._orders[track].take(number, data))

    def _rest(self) -> list[Step]:
        return [
            step
            for track, order in self._orders.items()
            for step in self._steps(track, order.rest())
        ]

    def _steps(self, track: str, pieces: list[bytes | float]) -> list[Step]:
        channel = self._tracks.index(track)
        return [
            AudioStep(piece, channel) if isinstance(piece, bytes) else GapStep(piece, channel)
            for piece in pieces
        ]


def tracks_of(names: object, known: Mapping[str, str]) -> tuple[str | None, ...]:
    """The tracks of a stream, each by its own name, `both` as two. Raises StreamError."""
    wanted = [str(name) for name in (names if isinstance(names, list) else [names])]
    tracks: list[str | None] = [known[name] for name in wanted if name in known]
    if "both" in wanted or "both_tracks" in wanted:
        tracks = list(known.values())
    unique = list(dict.fromkeys(tracks))
    if not unique:
        raise StreamError(BAD_SCHEMA, f"start: a track of {', '.join(known)} expected")
    return tuple(unique)
