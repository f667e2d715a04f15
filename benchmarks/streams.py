"""Claim: beyond the calls that a worker carries it skips provisional verdicts, never audio.

    python -m benchmarks.streams http://HOST:PORT RECORDING [CALLS ...]

Against a running endpoint (ANTIPHON_STREAMS_PER_WORKER above the number of calls). For each number
of calls, as many sockets send the recording (any file, repeated) at the speed of its clock for 20 s
as µ-law at 8 kHz. Printed: verdicts a second and call, how late they are behind the audio that they
are about, and how many calls ended with a summary of all their audio.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soxr
from websockets.asyncio.client import connect

from models.audio.reading import SAMPLE_RATE, read_audio
from serving.streams.samples import ENCODINGS

SECONDS, RATE, CHUNK_S = 20, 8_000, 0.1


@dataclass
class MeasuredCall:
    """What one call got."""

    late_s: list[float] = field(default_factory=list)
    duration: float = 0.0


def main() -> None:
    """Print a line for each number of calls."""
    address = sys.argv[1].replace("http://", "ws://") + "/v1/stream"
    data = _mulaw(Path(sys.argv[2]))
    for count in map(int, sys.argv[3:] or ("1", "4", "8", "16", "32")):
        calls = asyncio.run(_all(address, data, count))
        late = np.concatenate([call.late_s for call in calls])
        complete = sum(call.duration == SECONDS for call in calls)
        sys.stdout.write(
            f"{count:4} calls: {len(late) / count / SECONDS:5.2f} verdicts a second and call, "
            f"late by {np.median(late):5.2f} s (median), {np.quantile(late, 0.95):5.2f} s (p95); "
            f"{complete} complete\n"
        )


async def _all(address: str, data: bytes, count: int) -> list[MeasuredCall]:
    return list(await asyncio.gather(*(_call(address, data, n / count) for n in range(count))))


async def _call(address: str, data: bytes, wait_s: float) -> MeasuredCall:
    """One call, which begins a little later than the one before."""
    await asyncio.sleep(wait_s)
    call, size = MeasuredCall(), int(CHUNK_S * RATE)
    query = f"?encoding=mulaw&sample_rate={RATE}"
    async with connect(address + query, proxy=None) as socket:
        begun = time.monotonic()

        async def listen() -> None:
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "Verdict" and message["end"] < SECONDS:
                    call.late_s.append(time.monotonic() - begun - message["end"])
                elif message["type"] == "Summary":
                    call.duration = message["duration"]

        listening = asyncio.create_task(listen())
        for start in range(0, len(data), size):
            await socket.send(data[start : start + size])
            await asyncio.sleep(max(0.0, begun + (start + size) / RATE - time.monotonic()))
        await socket.send('{"type":"CloseStream"}')
        await listening
    return call


def _mulaw(path: Path) -> bytes:
    """A recording as µ-law, repeated to the length of a call."""
    table = ENCODINGS["mulaw"].decode(bytes(range(256)))
    order = np.argsort(table, kind="stable")
    edges = (table[order][1:] + table[order][:-1]) / 2
    samples = soxr.resample(read_audio(path), SAMPLE_RATE, RATE)
    return order[np.searchsorted(edges, np.resize(samples, SECONDS * RATE))].astype("u1").tobytes()


if __name__ == "__main__":
    main()
