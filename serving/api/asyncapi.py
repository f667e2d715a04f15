"""The AsyncAPI 3.0 description of the sockets, made from the models of their messages."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from serving.streams.messages import ClientMessage, ServerMessage
from serving.streams.samples import ENCODINGS

ABOUT = (
    "Live audio in, verdicts out. Each stream is scored by one version from its first sample to "
    "its last. `GET /v1/streams` and signed webhooks tell others than the peer of the socket."
)
OTHERS: Mapping[str, tuple[str, str]] = {
    "twilio": ("/v1/stream/twilio", "Twilio Media Streams: base64 of µ-law at 8 kHz in JSON."),
    "telnyx": ("/v1/stream/telnyx", "Telnyx media streaming: as Twilio, ordered by `media.chunk`."),
    "audiohook": ("/v1/stream/audiohook", "Genesys AudioHook 2: PCMU frames, two channels."),
}
AUDIO = "Audio"
SCHEMAS = "#/components/schemas/"


def asyncapi() -> dict[str, Any]:
    """The document; its version is that of the package."""
    sent, received = _models(ServerMessage), _models(get_args(ClientMessage)[0])
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "antiphon", "version": version("antiphon"), "description": ABOUT},
        "servers": {"endpoint": {"host": "localhost:3000", "protocol": "ws"}},
        "channels": {"native": _native({**sent, **received}), **_others()},
        "operations": {
            "send": _operation("send", "What the endpoint says.", list(sent)),
            "receive": _operation("receive", "What a client says.", [AUDIO, *received]),
        },
        "components": {
            "messages": {
                AUDIO: {
                    "contentType": "application/octet-stream",
                    "summary": "A binary frame of samples, of any size; an empty one is the end.",
                    "payload": {"type": "string", "format": "binary"},
                },
                **{name: _message(model) for name, model in {**sent, **received}.items()},
            },
            "schemas": _schemas({**sent, **received}),
        },
    }


def _models(union: Any) -> dict[str, type[BaseModel]]:
    """The messages of a union, by what `type` calls them."""
    return {model.__name__.removesuffix("Message"): model for model in get_args(union)}


def _native(models: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    names = (AUDIO, *models)
    return {
        "address": "/v1/stream",
        "description": "The token comes as `Authorization: Bearer`, or from a browser as the "
        "second of the subprotocols `bearer, TOKEN`.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"ws": {"method": "GET", "query": _query()}},
    }


def _query() -> dict[str, Any]:
    encodings = [name for name in ENCODINGS if not name.endswith("-be")]
    properties = {
        "encoding": {"type": "string", "enum": encodings, "default": "linear16"},
        "sample_rate": {"type": "integer", "minimum": 8000, "maximum": 48000, "default": 16000},
        "channels": {"type": "integer", "enum": [1, 2], "default": 1},
        "policy": {
            "type": "string",
            "description": "At 8000 Hz `telephone` where the version has it, else `default`.",
        },
        "call_id": {"type": "string", "description": "By which GET /v1/streams finds the stream."},
        "webhook": {"type": "string", "description": "An address in the list of webhooks."},
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _others() -> dict[str, Any]:
    return {
        name: {"address": address, "description": f"{text} Its messages are the provider's."}
        for name, (address, text) in OTHERS.items()
    }


def _operation(action: str, summary: str, names: list[str]) -> dict[str, Any]:
    messages = [{"$ref": f"#/channels/native/messages/{name}"} for name in names]
    channel = {"$ref": "#/channels/native"}
    return {"action": action, "summary": summary, "channel": channel, "messages": messages}


def _message(model: type[BaseModel]) -> dict[str, Any]:
    return {
        "contentType": "application/json",
        "summary": (model.__doc__ or "").strip().partition("\n")[0],
        "payload": {"$ref": SCHEMAS + model.__name__},
    }


def _schemas(models: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    _, schemas = models_json_schema(
        [(model, "serialization") for model in models.values()], ref_template=SCHEMAS + "{model}"
    )
    return dict(schemas["$defs"])
