"""What callers of the sockets send: real speech, in the codes and messages of their platforms."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from serving.streams.samples import ENCODINGS

CHUNK = 160  # samples of 20 ms at 8 kHz
TOKEN = "let-me-in"


def call(corpus: Path, seconds: float, *, skip: int = 0) -> NDArray[np.float32]:
    """Real speech (samples,) at 16 kHz: recordings of one speaker, one after the other."""
    files = sorted(corpus.glob("bonafide/asterisk_en/*.flac"))[skip:]
    parts: list[NDArray[np.float32]] = []
    while sum(map(len, parts)) < seconds * 16_000:
        parts.append(soundfile.read(files[len(parts)], dtype="float32")[0])
    return np.concatenate(parts)[: int(seconds * 16_000)]


def at_8_khz(speech: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same on a telephone line."""
    return np.asarray(soxr.resample(speech, 16_000, 8_000), np.float32)


def mulaw(samples: NDArray[np.float32]) -> bytes:
    """As µ-law: the nearest code of each sample."""
    table = ENCODINGS["mulaw"].decode(bytes(range(256)))
    order = np.argsort(table, kind="stable")
    edges = (table[order][1:] + table[order][:-1]) / 2
    return order[np.searchsorted(edges, samples)].astype(np.uint8).tobytes()


def linear(samples: NDArray[np.float32], kind: str = "<i2") -> bytes:
    """As 16-bit integers."""
    return np.round(samples * 32_767).astype(kind).tobytes()


def chunks(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@dataclass
class Caller:
    """One socket."""

    socket: ClientConnection

    def send(self, message: dict[str, Any] | bytes) -> None:
        self.socket.send(message if isinstance(message, bytes) else json.dumps(message))

    def receive(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.socket.recv(timeout=20))
        return document

    def until(self, kind: str) -> list[dict[str, Any]]:
        """Messages up to the first of a type."""
        messages = [self.receive()]
        while messages[-1]["type"] != kind:
            messages.append(self.receive())
        return messages

    def rest(self) -> list[dict[str, Any]]:
        """Messages until the socket is closed."""
        return list(self._rest())

    def close_code(self) -> int | None:
        """The code that the endpoint closes with; what it sends before is skipped."""
        self.rest()
        return self.socket.close_code

    def _rest(self) -> Iterator[dict[str, Any]]:
        while True:
            try:
                yield self.receive()
            except ConnectionClosed:
                return


def ring(address: str, path: str, *, token: str | None = TOKEN, **more: Any) -> Caller:
    """Open a socket; `more` are arguments of websockets' `connect`."""
    headers = more.pop("additional_headers", {})
    if token is not None:
        headers = {"Authorization": f"Bearer {token}", **headers}
    url = address.replace("http://", "ws://") + path
    return Caller(connect(url, additional_headers=headers, proxy=None, **more))


def twilio_start(call_sid: str, *tracks: str, **parameters: str) -> dict[str, Any]:
    return {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": "MZ1",
        "start": {
            "accountSid": "AC1",
            "streamSid": "MZ1",
            "callSid": call_sid,
            "tracks": list(tracks),
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": parameters,
        },
    }


def twilio_media(track: str, chunk: int, data: bytes) -> dict[str, Any]:
    return {
        "event": "media",
        "sequenceNumber": str(chunk + 2),
        "streamSid": "MZ1",
        "media": {
            "track": track,
            "chunk": str(chunk),
            "timestamp": str(20 * chunk),
            "payload": base64.b64encode(data).decode(),
        },
    }


def audiohook(kind: str, seq: int, serverseq: int, **parameters: Any) -> dict[str, Any]:
    return {
        "version": "2",
        "id": "30b0e395-84d3-4570-ac13-9a62d8f514c0",
        "type": kind,
        "seq": seq,
        "serverseq": serverseq,
        "position": "PT0S",
        "parameters": parameters,
    }
