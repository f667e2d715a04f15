"""WS /v1/stream: what clients of Deepgram and AssemblyAI know.

The address says what comes: `?encoding=linear16&sample_rate=16000&channels=1`, and optionally
`policy`, `call_id` and `webhook`. Binary frames of any size are audio, text frames are messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import TypeAdapter, ValidationError

from serving.streams.dialects.dialect import LONGEST_TEXT, check_rate, text_of, whole
from serving.streams.messages import (
    ClientMessage,
    CloseStreamMessage,
    FinalizeMessage,
    GapMessage,
    ServerMessage,
)
from serving.streams.samples import ENCODINGS
from serving.streams.steps import AudioStep, CloseStep, FinalizeStep, GapStep, OpenStep, Step
from serving.streams.stream_errors import BAD_RATE, BAD_SCHEMA, StreamError

QUERY = ("encoding", "sample_rate", "channels", "policy", "call_id", "webhook")
KNOWN = tuple(name for name in ENCODINGS if not name.endswith("-be"))
LONGEST_CHANNELS = 2
_messages: TypeAdapter[ClientMessage] = TypeAdapter(ClientMessage)


class NativeDialect:
    """The dialect of antiphon's own clients."""

    name = "native"

    def opening(self, query: Mapping[str, str]) -> OpenStep:
        """Raises StreamError that names the parameter."""
        for name in query:
            if name not in QUERY:
                raise StreamError(
                    BAD_SCHEMA, f"{name}: no parameter of this name; known: {', '.join(QUERY)}"
                )
        encoding = query.get("encoding", "linear16")
        if encoding not in KNOWN:
            raise StreamError(BAD_RATE, f"encoding: one of {', '.join(KNOWN)} expected")
        channels = whole({"channels": query.get("channels", "1")}, "channels")
        if not 1 <= channels <= LONGEST_CHANNELS:
            raise StreamError(BAD_RATE, f"channels: 1 or 2 expected, found {channels}")
        rate = whole({"sample_rate": query.get("sample_rate", "16000")}, "sample_rate")
        return OpenStep(
            encoding=encoding,
            rate=check_rate(rate),
            channels=(None,) * channels,
            call_id=text_of(query, "call_id"),
            policy=text_of(query, "policy"),
            webhook=query.get("webhook"),
        )

    def read(self, message: str | bytes) -> Iterable[Step]:
        """Audio, or one of the messages of `serving.streams.messages`."""
        if isinstance(message, bytes):
            return [AudioStep(message) if message else CloseStep()]
        if len(message) > LONGEST_TEXT:
            raise StreamError(BAD_SCHEMA, f"text of at most {LONGEST_TEXT} characters expected")
        try:
            known = _messages.validate_json(message)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(name) for name in first["loc"] if name != "function-plain")
            sentence = f"{place or 'message'}: {first['msg'][:1].lower()}{first['msg'][1:]}"
            raise StreamError(BAD_SCHEMA, sentence) from error
        match known:
            case FinalizeMessage():
                return [FinalizeStep()]
            case GapMessage():
                return [GapStep(known.seconds, known.channel)]
            case CloseStreamMessage():
                return [CloseStep()]
        return []

    def write(self, message: ServerMessage) -> Iterable[str]:
        """As JSON."""
        return [message.model_dump_json()]
