"""Claim: the console's pages about recordings answer within 300 ms at the 95th percentile.

    python -m benchmarks.console_pages [ROUNDS]

A state of its own with 200,000 rows in the score log, 5,000 samples in the queue and calls of an
hour in stereo, as FLAC and as MP3. One visitor; milliseconds until the last byte of an answer, of
sound until the first 256 KiB. "First look" is a recording that no console has decoded before.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import soundfile
import uvicorn
from sqlalchemy import insert

ROWS, SAMPLES, HOURS = 200_000, 5_000, 1
RATE = 16_000
PORT = 8_399


def main() -> None:
    """Print the percentiles of each address."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as scratch:
        os.environ |= {
            "ANTIPHON_STATE_DIR": scratch,
            "ANTIPHON_ENDPOINT": "none",
            "ANTIPHON_CONSOLE_PORT": str(PORT),
        }
        calls = [_call(format) for format in ("FLAC", "MP3") for _ in range(3)]
        requests = _fill(calls)
        with _console() as address, httpx.Client(base_url=address, trust_env=False) as client:
            client.get("/review", timeout=60)  # a session, and the decoding processes
            time.sleep(5)
            for name, paths in _addresses(requests, rounds).items():
                _report(name, [_time(client, path) for path in paths])


def _addresses(requests: list[str], rounds: int) -> dict[str, list[str]]:
    long, others = requests[:6], requests[6:]
    media = f"/media/request/{long[0]}"
    some = f"/media/request/{others[0]}"
    return {
        "an hour of FLAC, first look: info": [f"/media/request/{name}/info" for name in long[:3]],
        "an hour of MP3, first look: info": [f"/media/request/{name}/info" for name in long[3:]],
        "the hour: first sound": [f"{media}/sound.wav?channel={n % 2}" for n in range(rounds)],
        "the hour: peaks": [f"{media}/peaks?from=0&to=3600&columns=1280" for _ in range(rounds)],
        "the hour: a new tile": [f"{media}/tile?level=2&index={n}" for n in range(rounds)],
        "a clip: info": [f"{some}/info"] * rounds,
        "a clip: peaks": [f"{some}/peaks?from=0&to=1&columns=1280"] * rounds,
        "page Review": ["/review"] * rounds,
        "page Samples": ["/samples"] * rounds,
        "  by state": ["/samples?state=flagged"] * rounds,
        "  by source and version": ["/samples?source=line-3&version=2"] * rounds,
        "  by a word": ["/samples?q=" + name[:8] for name in others[:rounds]],
        "  by a source that is not there": ["/samples?source=nobody"] * rounds,
        "  deep inside": ["/samples?after=2026-06-01T00:00:00%2B00:00~x"] * rounds,
        "page of one sample": [f"/samples/{name}" for name in others[:rounds]],
    }


def _time(client: httpx.Client, path: str) -> float:
    start = time.perf_counter()
    with client.stream("GET", path, timeout=120) as response:
        response.raise_for_status()
        for size, _ in enumerate(response.iter_bytes(2**16)):
            if size == 3 and "sound" in path:
                break
    return 1000 * (time.perf_counter() - start)


def _report(name: str, took: list[float]) -> None:
    half, most = np.percentile(took, [50, 95])
    sys.stdout.write(f"{name:36} {half:7.0f} {most:7.0f} ms\n")
    sys.stdout.flush()


def _call(format: str) -> bytes:
    """An hour of two voices made of noise that swells, as a file."""
    draw, stream = np.random.default_rng(), io.BytesIO()
    minute = (
        draw.normal(0, 0.05, (60 * RATE, 2)) * np.abs(np.sin(np.arange(60 * RATE) / 9e3))[:, None]
    )
    with soundfile.SoundFile(stream, "w", RATE, 2, format=format) as file:
        for _ in range(60 * HOURS):
            file.write(minute)
    return stream.getvalue()


def _fill(calls: list[bytes]) -> list[str]:
    """Rows, samples and recordings; the ids of the requests that have a recording."""
    from flows.places import engine
    from infra.database import session
    from infra.settings import settings
    from infra.storage import open_store
    from infra.tables import FieldSample, ScoredRequest

    store, draw = open_store(settings()), np.random.default_rng(1)
    clips = [(call, 3600.0 * HOURS) for call in calls] + [(_clip(draw), 2.0) for _ in range(100)]
    kept, rows, start = [], [], datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(ROWS):
        request_id, key, sha256, seconds = str(uuid.uuid4()), None, f"{number:064x}", 2.0
        if number < len(clips):
            data, seconds = clips[number]
            key, sha256 = f"recordings/2026-01-01/{request_id}", hashlib.sha256(data).hexdigest()
            store.put(key, data)
            kept.append(request_id)
        rows.append(_row(request_id, number, draw, start, key, sha256, seconds))
    with session(engine()) as opened:
        for at in range(0, ROWS, 10_000):
            opened.execute(insert(ScoredRequest), rows[at : at + 10_000])
        flags = [
            {"request_id": row["request_id"], "state": "flagged", "flagged_at": row["scored_at"],
             "claimed_label": "spoof", "audio_key": row["audio_key"] or "gone/x"}
            for row in rows[:SAMPLES]
        ]  # fmt: skip
        opened.execute(insert(FieldSample), flags)
    return kept


def _row(
    request_id: str,
    number: int,
    draw: np.random.Generator,
    start: datetime,
    key: str | None,
    sha256: str,
    seconds: float,
) -> dict[str, object]:
    score = float(draw.normal())
    return {
        "request_id": request_id, "scored_at": start + timedelta(minutes=2 * number),
        "model_version": 1 + number // 70_000, "cm_score": score, "spoof_probability": 0.5,
        "verdict": "spoof" if score < 0 else "bonafide", "threshold": 0.0, "duration_s": seconds,
        "windows": 1, "features": dict.fromkeys("abcdefghij", 0.123456789),
        "embedding_sketch": draw.normal(size=16).tolist(), "audio_sha256": sha256,
        "audio_key": key, "source": f"line-{number % 9}", "speaker_id": None,
        "window_scores": {"window_s": 4.0, "starts_s": [0.0], "cm_scores": [score]},
    }  # fmt: skip


def _clip(draw: np.random.Generator) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, draw.normal(0, 0.1, 2 * RATE), RATE, format="WAV")
    return stream.getvalue()


@contextmanager
def _console() -> Iterator[str]:
    from flows.servers.console import desk_of
    from infra.settings import settings
    from monitoring.console.application import make_console

    app: Callable[..., object] = make_console(desk_of(settings()))
    server = uvicorn.Server(uvicorn.Config(app, port=PORT, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{PORT}"
    finally:
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parents[1])
    main()
