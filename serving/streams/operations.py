"""The operations of live streams; their sockets are in serving.streams.routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infra.access.scopes import Scope
from serving.api.operation import Operation
from serving.streams.messages import StreamAnswer
from serving.streams.reading import (
    CallQuery,
    StreamQuery,
    StreamsAnswer,
    one_stream,
    streams_of_one_call,
)

EXAMPLE: Mapping[str, Any] = {
    "id": "0f44a5f8-f8eb-45d6-b5b0-1c8b2ad9248e",
    "dialect": "twilio",
    "call_id": "CA9f3e",
    "state": "ended",
    "model_version": 12,
    "policy": "default",
    "opened_at": "2026-12-01T10:00:00Z",
    "ended_at": "2026-12-01T10:00:31Z",
    "duration": 30.6,
    "speech_s": 21.4,
    "verdict": "spoof",
    "decided": True,
    "channels": [
        {
            "channel": 0,
            "name": "inbound",
            "speech_s": 21.4,
            "verdict": "spoof",
            "reason": None,
            "llr": -8.3,
            "spoof_probability": 0.9997,
            "decided_at": 4.0,
        }
    ],
    "segments": [{"channel": 0, "start": 0.0, "end": 30.6, "verdict": "spoof", "score": -3.8}],
    "skipped": 0,
    "gaps": 0,
    "close_code": 1000,
}

STREAM_OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/streams",
        name="streams_of_call",
        handler=streams_of_one_call,
        scope=Scope.SCORE,
        summary="The live streams of a call, newest first",
        text="In a call centre the peer of the socket is not the reader of the verdict: whoever "
        "knows the id of the call asks here, and may wait.",
        answer=StreamsAnswer,
        example={"streams": [EXAMPLE]},
        query=CallQuery,
        refusals=(400, 503),
        takes_place=False,
    ),
    Operation(
        method="GET",
        path="/v1/streams/{stream_id}",
        name="stream",
        handler=one_stream,
        scope=Scope.SCORE,
        summary="What is known of a live stream",
        answer=StreamAnswer,
        example=EXAMPLE,
        query=StreamQuery,
        refusals=(400, 404, 503),
        takes_place=False,
    ),
)
