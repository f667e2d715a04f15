"""`antiphon stream`: live audio through the endpoint."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.commands.shared_options import AsJson
from flows.screen import echo, print_json
from infra.errors import UnreachableError
from models.errors import InputError

STDIN = "-"
CHUNK_S = 0.1
OWN_RATE = 16_000  # Hz, of a file as it is sent
FROM_THE_ENDPOINT = range(1_000, 2_000)  # close codes that are no fault of the audio


def stream(
    file: Annotated[
        str, typer.Argument(help="An audio file, or - for raw audio on standard input.")
    ],
    endpoint: Annotated[
        str | None, typer.Option(help="http://HOST:PORT. Default: that of the settings.")
    ] = None,
    policy: Annotated[str | None, typer.Option(help="A policy of the champion.")] = None,
    call_id: Annotated[str | None, typer.Option(help="To find the verdict again.")] = None,
    encoding: Annotated[
        str, typer.Option(help="Of raw audio: linear16, linear32, mulaw or alaw.")
    ] = "linear16",
    sample_rate: Annotated[int, typer.Option(help="Of raw audio, in Hz.")] = OWN_RATE,
    channels: Annotated[int, typer.Option(help="Of raw audio: 1 or 2.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Send audio to the endpoint at the speed of its clock, and print verdicts as they come."""
    options: dict[str, Any] = {"policy": policy, "call_id": call_id}
    if file == STDIN:
        raw = {"encoding": encoding, "sample_rate": sample_rate, "channels": channels}
        options, chunks = {**options, **raw}, _standard_input()
    else:
        chunks = _paced(_samples(Path(file)))
        options |= {"encoding": "linear16", "sample_rate": OWN_RATE}
    for message in _messages(endpoint, chunks, options):
        if as_json:
            print_json(message)
        else:
            _print_message(message)


def _messages(
    endpoint: str | None, chunks: Iterator[bytes], options: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    """Raises InputError, or UnreachableError where the endpoint does not answer or ends."""
    from websockets.exceptions import InvalidHandshake

    from infra.settings import settings
    from serving.client.errors import StreamClosedError
    from serving.client.live import stream as stream_audio

    here = settings()
    addresses = [endpoint] if endpoint else here.endpoint_addresses
    if not addresses:
        raise InputError("ANTIPHON_ENDPOINT is none: --endpoint http://HOST:PORT expected")
    address = addresses[0].rstrip("/")
    token = here.api_token.get_secret_value() if here.api_token else None
    try:
        yield from stream_audio(address, token, chunks, options)
    except StreamClosedError as error:
        if error.code in FROM_THE_ENDPOINT:
            raise UnreachableError(f"{address}: {error.sentence}") from error
        raise InputError(error.sentence) from error
    except (OSError, InvalidHandshake) as error:
        raise UnreachableError(f"the endpoint at {address} cannot be reached ({error})") from error


def _samples(path: Path) -> bytes:
    """A file as 16-bit mono at 16 kHz."""
    import numpy as np

    from models.audio.reading import read_audio

    samples = np.clip(read_audio(path), -1.0, 1.0)
    return np.round(samples * 32_767).astype("<i2").tobytes()


def _paced(data: bytes) -> Iterator[bytes]:
    """Chunks, each at the time at which a live call would have it."""
    size = int(CHUNK_S * OWN_RATE) * 2
    begun = time.monotonic()
    for start in range(0, len(data), size):
        yield data[start : start + size]
        ahead_s = begun + (start + size) / (2 * OWN_RATE) - time.monotonic()
        time.sleep(max(0.0, ahead_s))


def _standard_input() -> Iterator[bytes]:
    while data := os.read(sys.stdin.fileno(), 4096):
        yield data


def _print_message(message: Mapping[str, Any]) -> None:
    match message["type"]:
        case "Begin":
            echo(f"stream {message['id']}, version {message['model_version']}")
        case "Verdict":
            echo(_verdict_line(message))
        case "Summary":
            seconds, speech_s = message["duration"], message["speech_s"]
            echo(f"{message['verdict']}: {seconds:.1f} s with {speech_s:.1f} s of speech")
            for segment in message["segments"]:
                times = f"{segment['start']:7.1f} to {segment['end']:.1f} s"
                echo(f"  channel {segment['channel']} {times}  {segment['verdict']}")
        case "Reconnect":
            echo("the endpoint ends soon")


def _verdict_line(message: Mapping[str, Any]) -> str:
    running = message["running"]
    spoof = f"p(spoof) {running['spoof_probability']:.3f}" if running else "nothing scored yet"
    reason = f"  {message['reason']}" if message["reason"] else ""
    final = "  sure" if message["is_final"] else ""
    return (
        f"{message['end']:7.1f} s  channel {message['channel']}  {message['verdict']:10}  "
        f"{spoof}{reason}{final}"
    )
