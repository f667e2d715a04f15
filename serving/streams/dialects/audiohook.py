"""WS /v1/stream/audiohook: Genesys AudioHook, version 2.

https://developer.genesys.cloud/devapps/audiohook. Audio is binary PCMU at 8 kHz, its channels
interleaved; nothing is sent before `opened`. What is paused or discarded is a gap. A verdict that
has become sure is an event of Genesys' kind, and it can be read elsewhere at any time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from serving.streams.dialects.dialect import part, read_object, text_of, whole
from serving.streams.messages import (
    BeginMessage,
    ErrorMessage,
    ReconnectMessage,
    ServerMessage,
    SummaryMessage,
    VerdictMessage,
)
from serving.streams.steps import AudioStep, CloseStep, GapStep, OpenStep, ReplyStep, Step
from serving.streams.stream_errors import BAD_RATE, BAD_SCHEMA, UNAUTHORIZED, StreamError

VERSION = "2"
PROBE = "00000000-0000-0000-0000-000000000000"  # the conversation of a test of the connection
CHANNELS = ("external", "internal")
LONGEST_GAP_S = 86_400.0
_DURATION = re.compile(r"PT(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,7}(?:\.\d{1,9})?)S)?")


class AudiohookDialect:
    """The dialect of Genesys."""

    name = "audiohook"

    def __init__(self) -> None:
        self._id: str | None = None
        self._seq = self._client_seq = 0
        self._media: dict[str, Any] = {}
        self._verdicts: dict[int, str] = {}  # that were told
        self._over = False

    def opening(self, query: Mapping[str, str]) -> None:
        """`open` begins the stream."""

    def read(self, message: str | bytes) -> Iterable[Step]:
        """The steps of a message. Raises StreamError."""
        if isinstance(message, bytes):
            if not self._media:
                raise StreamError(BAD_SCHEMA, "audio after opened expected, it came before")
            return [AudioStep(message)]
        document = self._checked(read_object(message))
        parameters = part(document, "parameters")
        match document.get("type"):
            case "open":
                return self._open(parameters)
            case "ping":
                return [ReplyStep(self._message("pong", {}))]
            case "discarded" | "resumed":
                return [GapStep(_seconds(parameters, "discarded"))]
            case "paused":
                return [GapStep(0.0)]
            case "close":
                self._over = True
                return [CloseStep()]
            case "error" | "update":
                return []
        raise StreamError(BAD_SCHEMA, f"type: no message {document.get('type')!r} is known")

    def write(self, message: ServerMessage) -> Iterable[str]:
        """`opened`, an event for each verdict that has become sure, `closed`, `disconnect`."""
        match message:
            case BeginMessage():
                return [self._message("opened", {"startPaused": False, "media": [self._media]})]
            case VerdictMessage() if message.is_final:
                return self._event(message)
            case SummaryMessage():
                return [self._message("closed", {})] if self._over else []
            case ErrorMessage():
                unauthorized = message.error_code == UNAUTHORIZED
                reason = "unauthorized" if unauthorized else "error"
                parameters = {"reason": reason, "info": message.error}
                return [self._message("disconnect", parameters)]
            case ReconnectMessage():
                return [self._message("reconnect", {"info": "this server ends soon"})]
        return []

    def _open(self, parameters: Mapping[str, Any]) -> list[Step]:
        if self._media:
            raise StreamError(BAD_SCHEMA, "open: one expected, this is the second")
        offers = parameters.get("media")
        usable = (
            [offer for offer in offers if _is_usable(offer)] if isinstance(offers, list) else []
        )
        if not usable:
            raise StreamError(BAD_RATE, "media: PCMU at 8000 Hz with known channels expected")
        best = max(usable, key=lambda offer: len(offer["channels"]))
        names = ("type", "format", "channels", "rate")
        self._media = {name: best[name] for name in names}
        custom = parameters.get("customConfig")
        config = custom if isinstance(custom, dict) else {}
        return [
            OpenStep(
                encoding="mulaw",
                rate=8_000,
                channels=tuple(best["channels"]),
                call_id=text_of(parameters, "conversationId"),
                policy=text_of(config, "policy"),
                webhook=config.get("webhook"),
            )
        ]

    def _checked(self, document: dict[str, Any]) -> dict[str, Any]:
        """The envelope, which numbers the messages of both sides. Raises StreamError."""
        if document.get("version") != VERSION:
            raise StreamError(BAD_SCHEMA, f"version: {VERSION} expected")
        session = text_of(document, "id")
        if session is None or self._id not in (None, session):
            raise StreamError(BAD_SCHEMA, "id: that of the session expected")
        self._id = session
        seq = whole(document, "seq")
        if seq != self._client_seq + 1:
            raise StreamError(BAD_SCHEMA, f"seq: {self._client_seq + 1} expected, found {seq}")
        self._client_seq = seq
        if whole(document, "serverseq") > self._seq:
            raise StreamError(BAD_SCHEMA, f"serverseq: at most {self._seq} expected")
        return document

    def _event(self, message: VerdictMessage) -> list[str]:
        if self._verdicts.get(message.channel) == message.verdict:
            return []
        self._verdicts[message.channel] = message.verdict
        data = {
            **message.model_dump(mode="json"),
            "channel": self._media["channels"][message.channel],
        }
        return [self._message("event", {"entities": [{"type": "antiphon.verdict", "data": data}]})]

    def _message(self, kind: str, parameters: Mapping[str, Any]) -> str:
        self._seq += 1
        document = {
            "version": VERSION,
            "id": self._id or PROBE,
            "type": kind,
            "seq": self._seq,
            "clientseq": self._client_seq,
            "parameters": parameters,
        }
        return json.dumps(document, separators=(",", ":"))


def _is_usable(offer: object) -> bool:
    if not isinstance(offer, dict):
        return False
    channels = offer.get("channels")
    known = isinstance(channels, list) and channels and set(map(str, channels)) <= set(CHANNELS)
    unique = isinstance(channels, list) and len(set(map(str, channels))) == len(channels)
    return (
        bool(known and unique)
        and offer.get("type") == "audio"
        and (offer.get("format"), offer.get("rate")) == ("PCMU", 8_000)
    )


def _seconds(parameters: Mapping[str, Any], name: str) -> float:
    """An ISO 8601 duration as AudioHook writes it. Raises StreamError."""
    match = _DURATION.fullmatch(str(parameters.get(name)))
    if match is None:
        raise StreamError(BAD_SCHEMA, f"{name}: a duration such as PT1.5S expected")
    hours, minutes, seconds = (float(value or 0) for value in match.groups())
    return min(3600 * hours + 60 * minutes + seconds, LONGEST_GAP_S)
