"""Claim: the endpoint answers several times as many requests as FastAPI with torch, in less memory.

    python -m benchmarks.endpoint_against_eager ../shared/corpus ../shared/weights/AASIST.pth

Both servers run on this machine with the same weights and hear the same utterances of at most four
seconds, under 1, 8 and 32 connections, one server after the other in each row. The other server is
benchmarks.eager_server: no limits, no log, no check of its input.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import psutil

from benchmarks.endpoint import free_port, make_detector, say, wait_until_ready
from infra import registry, tracking
from infra.settings import Settings
from models.data.protocols.reading import read_protocol
from models.evaluation.calibration import Calibration, write_calibration
from models.files.manifest import read_manifest, write_manifest
from models.packaging.checkpoint import import_weights
from models.packaging.export import export_detector
from serving.launch import endpoint_command

SECONDS = 20.0  # of each measurement
LONGEST_S = 4.0  # one window
UTTERANCES = 64
CONNECTIONS = (1, 8, 32)


@dataclass(frozen=True)
class Load:
    """What a server made of a number of connections."""

    rate: float  # requests a second
    milliseconds: np.ndarray  # of each request
    memory: int  # bytes of all its processes, at the end

    def percentile(self, percent: float) -> float:
        """Milliseconds that so many percent of the requests took at most."""
        return float(np.percentile(self.milliseconds, percent))


@dataclass(frozen=True)
class Server:
    """A server that answers."""

    name: str
    process: subprocess.Popen[bytes]
    client: httpx.Client
    start_s: float

    def score(self, recording: bytes) -> float:
        """The cm_score of a recording."""
        answer = self.client.post("/score", files={"audio": ("a.flac", recording)})
        return float(answer.raise_for_status().json()["cm_score"])

    def load(self, recordings: Sequence[bytes], connections: int) -> Load:
        """Keep so many connections busy for a while."""
        began = time.perf_counter()

        def send(first: int) -> list[float]:
            times, number = [], first
            while time.perf_counter() - began < SECONDS:
                sent = time.perf_counter()
                self.score(recordings[number % len(recordings)])
                times.append(1_000 * (time.perf_counter() - sent))
                number += connections
            return times

        with ThreadPoolExecutor(connections) as pool:
            times = [t for part in pool.map(send, range(connections)) for t in part]
        rate = len(times) / (time.perf_counter() - began)
        return Load(rate, np.asarray(times), self._memory())

    def _memory(self) -> int:
        top = psutil.Process(self.process.pid)
        return sum(p.memory_info().rss for p in [top, *top.children(recursive=True)])


def main() -> None:
    """Print each row, and the ratios."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        detector = _detector(folder / "detector")
        recordings = _recordings()
        antiphon = stack.enter_context(_endpoint(folder, detector))
        eager = stack.enter_context(_eager(detector))
        say(f"start: {antiphon.start_s:.1f} s, eager {eager.start_s:.1f} s")
        gap = max(abs(antiphon.score(data) - eager.score(data)) for data in recordings[:16])
        say(f"largest difference of 16 scores: {gap:.1e}")
        say(f"runtime: {antiphon.client.get('/model').json()['runtime']}")
        for connections in CONNECTIONS:
            _row(connections, *(s.load(recordings, connections) for s in (antiphon, eager)))


def _row(connections: int, antiphon: Load, eager: Load) -> None:
    for name, load in (("antiphon", antiphon), ("eager", eager)):
        say(
            f"{connections:>2} connections, {name:<8}: {load.rate:6.2f} requests/s, "
            f"p50 {load.percentile(50):5.0f} ms, p95 {load.percentile(95):5.0f} ms, "
            f"p99 {load.percentile(99):5.0f} ms, {load.memory / 2**20:5.0f} MiB"
        )
    say(
        f"{connections:>2} connections, ratio   : {antiphon.rate / eager.rate:.2f} x the rate, "
        f"{antiphon.percentile(95) / eager.percentile(95):.2f} x the p95, "
        f"{antiphon.memory / eager.memory:.2f} x the memory"
    )


def _detector(folder: Path) -> Path:
    """The official AASIST where its weights are named, else one of random weights."""
    if len(sys.argv) < 3:
        return make_detector(folder)
    import_weights("aasist", Path(sys.argv[2]), folder)
    export_detector(folder)
    write_calibration(folder, Calibration(slope=1.0, intercept=0.0, threshold=0.0))
    write_manifest(folder, read_manifest(folder))
    return folder


def _recordings() -> list[bytes]:
    """Utterances of a corpus, of one window at most."""
    trials = read_protocol("antiphon", Path(sys.argv[1])).trials
    short = [t for t in trials if float(t.extra["duration_s"]) <= LONGEST_S]
    chosen = np.random.default_rng(1).choice(len(short), UTTERANCES, replace=False)
    return [short[i].path.read_bytes() for i in chosen]


@contextlib.contextmanager
def _endpoint(folder: Path, detector: Path) -> Iterator[Server]:
    here = Settings(state_dir=folder / "state", endpoint_port=free_port())
    os.environ.update(here.environment())
    run = tracking.open_run("benchmark", "benchmark", {})
    registry.set_champion(registry.register(detector, run, {}).version, expected=None)
    command, environment = endpoint_command(here)
    with _running("antiphon", command, environment, here.endpoint_port) as server:
        yield server


@contextlib.contextmanager
def _eager(detector: Path) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.eager_server", str(detector), str(port)]
    with _running("eager", command, dict(os.environ), port) as server:
        yield server


@contextlib.contextmanager
def _running(
    name: str, command: Sequence[str], environment: dict[str, str], port: int
) -> Iterator[Server]:
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    limits = httpx.Limits(max_connections=None)
    address = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=address, timeout=120.0, limits=limits, trust_env=False) as c:
            wait_until_ready(c, process)
            yield Server(name, process, c, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(60)


if __name__ == "__main__":
    main()
