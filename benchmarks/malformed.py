"""Claim: no malformed request makes the endpoint fail, end or grow.

    python -m benchmarks.malformed FOLDER URL PID [--count 10000] [--seed 1]

Recordings of FOLDER, half a second of each in nine formats, are damaged by flips, cuts, repeats and
lying header fields; so are forms, JSON, queries and headers around them, and ZIP archives for jobs.
They are sent on four connections to the endpoint at URL, whose process is PID. Printed are the
statuses by kind, every answer that is no refusal with one sentence, and the memory of its processes
after the first tenth and at the end. The exit status is 1 after a 5xx or an answer that is none.
"""

from __future__ import annotations

import argparse
import collections
import io
import json
import random
import sys
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import psutil
import soundfile
from numpy.typing import NDArray

from benchmarks.endpoint import say

RATE = 16_000  # Hz
CONNECTIONS = 4
EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000)
BY_SOUNDFILE = {
    "wav": ("WAV", "PCM_16"),
    "float.wav": ("WAV", "FLOAT"),
    "ulaw.wav": ("WAV", "ULAW"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "aiff": ("AIFF", "PCM_16"),
}
BY_AV = {"m4a": ("mp4", "aac"), "webm": ("webm", "libopus")}
MEDIA = ("audio/wav", "audio/PCMU", "audio/G722", "audio/L16; rate=8000", "audio/gsm", "video/webm")
NOT_ANSWERED = 0  # the connection ended instead


@dataclass(frozen=True)
class Attack:
    """A request made from a valid one."""

    kind: str
    method: str
    path: str
    arguments: dict[str, Any]


@dataclass
class Tally:
    """What came back."""

    statuses: dict[str, collections.Counter[int]] = field(
        default_factory=lambda: collections.defaultdict(collections.Counter)
    )
    faults: list[str] = field(default_factory=list)


def encoded(speech: NDArray[np.float32]) -> dict[str, bytes]:
    """The speech (samples,) at 16 kHz in each format."""
    files = {}
    for name, (container, subtype) in BY_SOUNDFILE.items():
        stream = io.BytesIO()
        soundfile.write(stream, speech, RATE, format=container, subtype=subtype)
        files[name] = stream.getvalue()
    for name, (container, codec) in BY_AV.items():
        files[name] = _by_av(speech, container, codec)
    return files


def _by_av(speech: NDArray[np.float32], container: str, codec: str) -> bytes:
    stream = io.BytesIO()
    with av.open(stream, "w", format=container) as output:
        track = output.add_stream(codec, rate=48_000)
        track.layout = "mono"
        frame = av.AudioFrame.from_ndarray(speech[None], format="flt", layout="mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(track.format.name, "mono", 48_000, track.frame_size or 960)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(track.encode(piece))
        output.mux(track.encode(None))
    return stream.getvalue()


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The same with one to four faults."""
    for _ in range(rng.randint(1, 4)):
        data = rng.choice((_flipped, _cut, _repeated, _lying, _zeroed))(data, rng)
    return data


def _flipped(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 3, 30))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _repeated(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data) + 1)
    return data[:start] + data[start : start + rng.choice((4, 64, 4096))] * 3 + data[start:]


def _lying(data: bytes, rng: random.Random) -> bytes:
    """A field of the header says something else."""
    place, size = rng.randrange(min(len(data), 160) + 1), rng.choice((1, 2, 4))
    value = rng.choice(EXTREMES) & (256**size - 1)
    order: Any = rng.choice(("little", "big"))
    return data[:place] + value.to_bytes(size, order) + data[place + size :]


def _zeroed(data: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(data) + 1)
    return data[:start] + bytes(min(200, len(data) - start)) + data[start + 200 :]


def attacks(recordings: list[dict[str, bytes]], rng: random.Random, count: int) -> Iterator[Attack]:
    """Requests of every kind, in turn."""
    kinds: tuple[Callable[..., Attack], ...] = (
        _raw, _form, _raw, _broken_form, _raw, _claim, _headers, _archive,
    )  # fmt: skip
    for number in range(count):
        yield kinds[number % len(kinds)](rng.choice(recordings), rng)


def _raw(files: dict[str, bytes], rng: random.Random) -> Attack:
    suffix, data = rng.choice(list(files.items()))
    media = rng.choice((f"audio/{suffix}", *MEDIA))
    headers = {"Content-Type": media, "Content-Disposition": f'inline; filename="a.{suffix}"'}
    body = {"content": damaged(data, rng), "headers": headers}
    return Attack(f"{suffix} as the body", "POST", "/v1/score", body)


def _form(files: dict[str, bytes], rng: random.Random) -> Attack:
    suffix, data = rng.choice(list(files.items()))
    name = rng.choice((f"a.{suffix}", "../../etc/passwd", "a\0b", "ü" * 300, "", f"a.{suffix}.gsm"))
    path = rng.choice(("/v1/score", "/score", "/v1/score/batch"))
    body = {"files": {"audio": (name, damaged(data, rng))}, "data": {"source": _text(rng)}}
    return Attack(f"{suffix} in a form", "POST", path, body)


def _broken_form(files: dict[str, bytes], rng: random.Random) -> Attack:
    whole = httpx.Request("POST", "http://a", files={"audio": ("a.wav", files["wav"])})
    headers = {"Content-Type": whole.headers["content-type"]}
    path = rng.choice(("/v1/score", "/v1/score/batch", "/v1/jobs", "/v1/feedback", "/score"))
    body = {"content": damaged(whole.read(), rng), "headers": headers}
    return Attack("broken form", "POST", path, body)


def _claim(_: dict[str, bytes], rng: random.Random) -> Attack:
    claim = {"request_id": _text(rng), "label": rng.choice(("spoof", _text(rng)))}
    claim |= {"comment": _text(rng), "category": rng.choice(("test", _text(rng)))}
    body = json.dumps(claim).encode()
    data = rng.choice((body, damaged(body, rng), b"[" * 10_000, b'{"a":' * 500, b"\xff\xfe"))
    headers = {"Content-Type": "application/json"}
    path = rng.choice(("/v1/feedback", "/feedback"))
    return Attack("claim", "POST", path, {"content": data, "headers": headers})


def _headers(files: dict[str, bytes], rng: random.Random) -> Attack:
    headers = {
        "Content-Type": rng.choice(("audio/wav", _ascii(rng), "multipart/form-data", "audio/L16")),
        "Idempotency-Key": _ascii(rng),
        "Prefer": rng.choice(("wait=0", "wait=-1", "wait=x", _ascii(rng))),
        "Authorization": rng.choice(("Bearer x", "Basic eA==", _ascii(rng))),
    }
    query = rng.choice(("", f"?source={rng.randbytes(6).hex()}", "?%00=%ff", "?channel=9&start=x"))
    path = rng.choice(("/v1/score", "/v1/jobs/x", "/v1/requests/%00", "/v1/streams", "/v1/model"))
    method = rng.choice(("POST", "GET", "DELETE", "PUT"))
    body = {"content": files["wav"] if method == "POST" else b"", "headers": headers}
    return Attack("headers and query", method, path + query, body)


def _archive(files: dict[str, bytes], rng: random.Random) -> Attack:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.wav", damaged(files["wav"], rng))
        archive.writestr("../b.wav", bytes(rng.choice((10, 10**7))))
    data = rng.choice((stream.getvalue(), damaged(stream.getvalue(), rng)))
    return Attack("archive", "POST", "/v1/jobs", {"files": {"audio": ("calls.zip", data)}})


def _text(rng: random.Random) -> str:
    return "".join(chr(rng.choice((0, 7, 65, 0x20, 0xE9, 0x2028, 0x1F600))) for _ in range(8))


def _ascii(rng: random.Random) -> str:
    return "".join(chr(rng.randrange(33, 127)) for _ in range(rng.choice((1, 20, 200))))


def send_all(client: httpx.Client, requests: list[Attack], tally: Tally) -> None:
    """Send the requests on several connections."""
    with ThreadPoolExecutor(CONNECTIONS) as connections:
        answers = connections.map(lambda attack: (attack, _status(client, attack)), requests)
        for attack, (status, fault) in answers:
            tally.statuses[attack.kind][status] += 1
            if fault:
                tally.faults.append(f"{attack.method} {attack.path}, {attack.kind}: {fault}")


def _status(client: httpx.Client, attack: Attack) -> tuple[int, str]:
    try:
        answer = client.request(attack.method, attack.path, **attack.arguments)
    except httpx.TransportError as error:
        return NOT_ANSWERED, repr(error)
    if answer.is_success or answer.status_code == 429:  # the queue is bounded
        return answer.status_code, ""
    try:
        document = answer.json()
    except ValueError:
        return answer.status_code, f"{answer.status_code}, no JSON: {answer.text[:80]!r}"
    is_sentence = list(document) == ["error"] and "\n" not in document["error"]
    if answer.status_code >= 500 or not is_sentence or "Traceback" in document["error"]:
        return answer.status_code, f"{answer.status_code} {document}"
    return answer.status_code, ""


def memory_mib(pid: int) -> float:
    """Of a process and those that it started; shared pages count once for each."""
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return float(sum(process.memory_info().rss for process in processes) / 2**20)


def main() -> None:
    """Send, and print what came back."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("url")
    parser.add_argument("pid", type=int)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    paths = rng.sample(sorted(options.folder.rglob("*.flac")), 12)
    speech = [soundfile.read(path, frames=RATE // 2, dtype="float32")[0] for path in paths]
    requests = list(attacks([encoded(waveform) for waveform in speech], rng, options.count))
    tally, first = Tally(), options.count // 10
    with httpx.Client(base_url=options.url, timeout=120) as client:
        send_all(client, requests[:first], tally)
        before = memory_mib(options.pid)
        send_all(client, requests[first:], tally)
        after = memory_mib(options.pid)
        ready = client.get("/readyz").status_code
    for kind, statuses in sorted(tally.statuses.items()):
        say(f"{kind:24} {dict(sorted(statuses.items()))}")
    say(f"memory after a tenth {before:.0f} MiB, at the end {after:.0f} MiB; /readyz {ready}")
    say(f"{len(tally.faults)} faults in {options.count} requests")
    for fault in tally.faults[:20]:
        say(f"  {fault}")
    sys.exit(1 if tally.faults else 0)


if __name__ == "__main__":
    main()
