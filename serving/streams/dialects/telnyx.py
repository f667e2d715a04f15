"""WS /v1/stream/telnyx: Telnyx media streaming.

https://developers.telnyx.com/api-reference/websockets/stream-call-media-over-websocket. It is that
of Twilio in other names. The order of frames is not guaranteed, L16 is big-endian, and a token
comes in the header Authorization (`stream_auth_token`) or among `custom_parameters`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving.streams.dialects.dialect import check_rate, part, text_of, whole
from serving.streams.dialects.telephony import TelephonyDialect, tracks_of
from serving.streams.steps import OpenStep
from serving.streams.stream_errors import BAD_RATE, StreamError

ENCODINGS_OF_TELNYX = {"PCMU": "mulaw", "PCMA": "alaw", "L16": "linear16-be"}
TRACKS = {
    "inbound": "inbound", "outbound": "outbound",
    "inbound_track": "inbound", "outbound_track": "outbound",
}  # fmt: skip


class TelnyxDialect(TelephonyDialect):
    """The dialect of Telnyx."""

    name = "telnyx"

    def _open(self, document: Mapping[str, Any]) -> OpenStep:
        start = part(document, "start")
        media = part(start, "media_format")
        encoding = ENCODINGS_OF_TELNYX.get(str(media.get("encoding")))
        if encoding is None:
            known = ", ".join(ENCODINGS_OF_TELNYX)
            raise StreamError(BAD_RATE, f"media_format.encoding: one of {known} expected")
        custom = start.get("custom_parameters") or {}
        parameters = custom if isinstance(custom, dict) else {}
        return OpenStep(
            encoding=encoding,
            rate=check_rate(whole(media, "sample_rate", "media_format.")),
            channels=tracks_of(_tracks(start), TRACKS),
            call_id=text_of(start, "call_control_id"),
            policy=text_of(parameters, "policy"),
            webhook=parameters.get("webhook"),
            token=parameters.get("token"),
        )


def _tracks(start: Mapping[str, Any]) -> object:
    """`start` names no tracks in all versions; frames then name theirs, and both may come."""
    return start.get("tracks") or start.get("stream_track") or "both_tracks"
