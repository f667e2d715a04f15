"""What every dialect does: messages of its client become steps, answers become its messages."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from serving.streams.messages import ServerMessage
from serving.streams.steps import OpenStep, Step
from serving.streams.stream_errors import BAD_RATE, BAD_SCHEMA, StreamError

LONGEST_TEXT = 64 * 1024  # characters
LONGEST_NAME = 200  # of a call id
RATES = range(8_000, 48_001)  # Hz


class Dialect(Protocol):
    """The codec of one connection."""

    name: str

    def opening(self, query: Mapping[str, str]) -> OpenStep | None:
        """How the stream begins, where the address says it; None: a message will."""

    def read(self, message: str | bytes) -> Iterable[Step]:
        """What a message asks for. Raises StreamError."""

    def write(self, message: ServerMessage) -> Iterable[str]:
        """A message as the client reads it; nothing where its dialect has none for it."""


def read_object(text: str) -> dict[str, Any]:
    """A JSON object. Raises StreamError."""
    if len(text) > LONGEST_TEXT:
        raise StreamError(BAD_SCHEMA, f"text of at most {LONGEST_TEXT} characters expected")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StreamError(BAD_SCHEMA, "a JSON object expected, this is no JSON") from error
    if not isinstance(document, dict):
        raise StreamError(BAD_SCHEMA, "a JSON object expected")
    return document


def part(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object in a field. Raises StreamError."""
    value = document.get(name)
    if not isinstance(value, dict):
        raise StreamError(BAD_SCHEMA, f"{name}: an object expected")
    return value


def text_of(document: Mapping[str, Any], name: str) -> str | None:
    """The text in a field that may be absent. Raises StreamError."""
    value = document.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > LONGEST_NAME:
        raise StreamError(BAD_SCHEMA, f"{name}: text of at most {LONGEST_NAME} characters expected")
    return value


def whole(document: Mapping[str, Any], name: str, where: str = "") -> int:
    """A whole number from 0 on, which clients also send as text. Raises StreamError."""
    value = document.get(name)
    text = value if isinstance(value, str) else str(value) if type(value) is int else ""
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise StreamError(BAD_SCHEMA, f"{where}{name}: a whole number from 0 on expected")
    return int(text)


def base64_of(document: Mapping[str, Any], name: str) -> bytes:
    """The bytes in a base64 field. Raises StreamError."""
    value = document.get(name)
    try:
        return base64.b64decode(value if isinstance(value, str) else "?", validate=True)
    except (binascii.Error, ValueError) as error:
        raise StreamError(BAD_SCHEMA, f"{name}: base64 expected") from error


def check_rate(rate: int) -> int:
    """A sample rate that is read. Raises StreamError."""
    if rate not in RATES:
        raise StreamError(
            BAD_RATE, f"sample_rate: {RATES.start} to {RATES.stop - 1} Hz expected, found {rate}"
        )
    return rate
