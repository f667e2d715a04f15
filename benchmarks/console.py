"""How fast the console answers with a long past: 200,000 answers, 5,000 field samples.

    python -m benchmarks.console

Prints the median and the 95th percentile of each page on a fresh state folder, with a person who
opens one page after the other and with four who do so at once.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import tempfile
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
import uvicorn
from sqlalchemy import Engine, insert

from flows.screen import Screen
from infra import ledger
from infra.database import open_database, session
from infra.settings import settings
from infra.tables import Cycle, DriftCheck, FieldSample, ScoredRequest

ANSWERS, SAMPLES, CHECKS, CYCLES = 200_000, 5_000, 1_000, 300
PAGES = ("/", "/loop/now", "/drift", "/drift/curves.json", "/models")
VISITS = 40
BATCH = 5_000
NOW = datetime.now(UTC)


def main() -> None:
    """Fill a state folder, serve it, and measure."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
        probe.close()
        os.environ |= {
            "ANTIPHON_STATE_DIR": folder,
            "ANTIPHON_ENDPOINT": "none",
            "ANTIPHON_CONSOLE_PORT": str(port),
        }
        engine = open_database(settings().database_url)
        _fill(engine)
        _serve(port)
        _measure(f"http://127.0.0.1:{port}")


def _fill(engine: Engine) -> None:
    rng = np.random.default_rng(7)
    ids = [str(uuid.UUID(int=int(number))) for number in range(1, ANSWERS + 1)]
    for first in range(0, ANSWERS, BATCH):
        rows = [_answer(rng, ids[i], i) for i in range(first, min(first + BATCH, ANSWERS))]
        with session(engine) as transaction:
            transaction.execute(insert(ScoredRequest), rows)
    with session(engine) as transaction:
        transaction.execute(insert(FieldSample), [_sample(ids[i * 40], i) for i in range(SAMPLES)])
        transaction.execute(insert(DriftCheck), [_check(rng, i) for i in range(CHECKS)])
        transaction.execute(insert(Cycle), [_cycle(i) for i in range(CYCLES)])
    ledger.request_cycle(engine, "drift", "cm_score moved")


def _answer(rng: np.random.Generator, request_id: str, number: int) -> dict[str, object]:
    return {
        "request_id": request_id,
        "scored_at": NOW - timedelta(seconds=30 * (ANSWERS - number)),
        "model_version": 1 + number * 4 // ANSWERS,
        "cm_score": float(rng.normal()),
        "spoof_probability": 0.5,
        "verdict": "spoof" if number % 7 == 0 else "bonafide",
        "threshold": 0.0,
        "duration_s": 4.0,
        "windows": 1,
        "features": {"level_dbfs": -20.0, "snr_db": 20.0},
        "embedding_sketch": rng.normal(size=16).round(4).tolist(),
        "audio_sha256": request_id.replace("-", "") * 2,
        "audio_key": f"recordings/{request_id}.wav",
        "source": "hotline",
    }


def _sample(request_id: str, number: int) -> dict[str, object]:
    decided = number % 2 == 0
    flagged = NOW - timedelta(minutes=10 * (SAMPLES - number))
    return {
        "request_id": request_id,
        "state": "accepted" if decided else "flagged",
        "flagged_at": flagged,
        "claimed_label": "spoof",
        "audio_key": f"recordings/{request_id}.wav",
        "reviewed_at": flagged + timedelta(hours=3) if decided else None,
        "reviewer": "ada" if decided else None,
        "label": "spoof" if decided else None,
    }


def _check(rng: np.random.Generator, number: int) -> dict[str, object]:
    signals = [
        {
            "name": f"signal_{i}", "group": "input", "value": float(rng.uniform(0, 0.6)),
            "threshold": 0.5, "n": 200, "moved": False,
        }
        for i in range(24)
    ]  # fmt: skip
    exemplars = [
        {"request_id": str(uuid.UUID(int=i + 1)), "share": 0.9, "signal": "mmd", "cm_score": 0.1}
        for i in range(20)
    ]
    report = {"rows": 200, "window": 200, "reasons": [], "signals": signals, "exemplars": exemplars}
    at = NOW - timedelta(minutes=10 * (CHECKS - number))
    return {"checked_at": at, "model_version": 4, "status": "ok", "report": report}


def _cycle(number: int) -> dict[str, object]:
    at = NOW - timedelta(hours=8 * (CYCLES - number))
    verdict = {"difference": -0.01, "interval": [-0.02, 0.0], "eer_candidate": 0.1}
    return {
        "id": str(uuid.UUID(int=number + 1)), "started_at": at, "heartbeat_at": at, "ended_at": at,
        "fencing_token": number + 1, "outcome": "rejected",
        "summary": {"reason": "no better", "run_id": f"run{number}", "verdict": verdict},
    }  # fmt: skip


def _serve(port: int) -> None:
    from flows.servers.console import desk_of
    from monitoring.console.application import make_console

    config = uvicorn.Config(
        make_console(desk_of(settings())), host="127.0.0.1", port=port, log_level="critical"
    )
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.05)


def _measure(address: str) -> None:
    with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        for path in PAGES:
            client.get(path)  # MLflow is imported with the first
    for people in (1, 4):
        for path in PAGES:
            with ThreadPoolExecutor(people) as pool:
                times = [t for part in pool.map(_visit, [(address, path)] * people) for t in part]
            low, high = statistics.median(times), statistics.quantiles(times, n=20)[-1]
            facts = {"page": path, "people": people, "median_ms": low, "p95_ms": high}
            Screen().print(
                json.dumps({k: round(v) if k[-2:] == "ms" else v for k, v in facts.items()})
            )


def _visit(place: tuple[str, str]) -> list[float]:
    """Milliseconds of each visit of one person."""
    address, path = place
    times = []
    with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        client.get(path)
        for _ in range(VISITS):
            began = time.perf_counter()
            answer = client.get(path)
            times.append(1000 * (time.perf_counter() - began))
            assert answer.status_code == 200
    return times


if __name__ == "__main__":
    main()
