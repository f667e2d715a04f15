"""WS /v1/stream/twilio: Twilio Media Streams.

https://www.twilio.com/docs/voice/media-streams/websocket-messages. Numbers are texts; the audio is
µ-law at 8 kHz. An address with a query is refused by Twilio: `token`, `policy` and `webhook` are
parameters of <Stream>, which come in `start.customParameters`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serving.streams.dialects.dialect import check_rate, part, text_of, whole
from serving.streams.dialects.telephony import TelephonyDialect, tracks_of
from serving.streams.steps import OpenStep
from serving.streams.stream_errors import BAD_RATE, StreamError

TRACKS = {"inbound": "inbound", "outbound": "outbound"}


class TwilioDialect(TelephonyDialect):
    """The dialect of Twilio."""

    name = "twilio"

    def _open(self, document: Mapping[str, Any]) -> OpenStep:
        start = part(document, "start")
        media = part(start, "mediaFormat")
        if media.get("encoding") != "audio/x-mulaw":
            raise StreamError(BAD_RATE, "mediaFormat.encoding: audio/x-mulaw expected")
        custom = start.get("customParameters") or {}
        parameters = custom if isinstance(custom, dict) else {}
        return OpenStep(
            encoding="mulaw",
            rate=check_rate(whole(media, "sampleRate", "mediaFormat.")),
            channels=tracks_of(start.get("tracks"), TRACKS),
            call_id=text_of(start, "callSid"),
            policy=text_of(parameters, "policy"),
            webhook=parameters.get("webhook"),
            token=parameters.get("token"),
        )
