"""Claim: the endpoint answers nearly as fast as its detector runs, and batching gains nothing.

    python -m benchmarks.endpoint

In one run and on one machine: windows a second of the detector in a plain loop over all cores, then
requests a second of `bentoml serve` on 127.0.0.1 under as many clients as twice the cores, with
batches of one window and of four. Each request is one window of audio, decoded, described, scored
and noted in the score log. The detector is an AASIST of random weights: speed does not depend on
what it has learnt.
"""

from __future__ import annotations

import contextlib
import io
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import soundfile

from infra import registry, tracking
from infra.settings import Settings
from models.compute.cores import usable_cores
from models.evaluation.calibration import Calibration, write_calibration
from models.files.manifest import read_manifest, write_manifest
from models.packaging.runtime import ExportedDetector
from serving.launch import endpoint_command

SECONDS = 15.0  # of each measurement
CORES = usable_cores()


def main() -> None:
    """Print the loop's windows a second, and the endpoint's share of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        detector = make_detector(folder / "detector")
        samples = read_manifest(detector).window.samples
        waveform = np.random.default_rng(1).normal(0, 0.05, samples).astype(np.float32)
        loop = _loop(detector, waveform)
        say(f"plain loop, {CORES} threads: {loop:.1f} windows/s")
        for batch in (1, 4):
            with _served(folder, detector, batch) as client:
                rate, p50, p99 = _requests(client, waveform)
            say(
                f"endpoint, batches of {batch}, {2 * CORES} clients: {rate:.1f} requests/s "
                f"({rate / loop:.0%} of the loop), p50 {p50:.0f} ms, p99 {p99:.0f} ms"
            )


def make_detector(folder: Path) -> Path:
    """An AASIST of random weights, exported and calibrated."""
    from models.detectors import build_detector
    from models.packaging.checkpoint import save_detector
    from models.packaging.export import export_detector
    from models.params.window import WindowParams

    save_detector(build_detector("aasist"), folder, WindowParams())
    manifest = export_detector(folder)
    write_calibration(folder, Calibration(slope=1.0, intercept=0.0, threshold=0.0))
    write_manifest(folder, manifest)
    return folder


def _loop(folder: Path, waveform: np.ndarray) -> float:
    """Windows a second of the detector alone, all cores busy."""
    detector = ExportedDetector.open(folder, threads=CORES)
    windows = np.stack([waveform] * 4 * CORES)
    detector.run(windows)
    started, done = time.perf_counter(), 0
    while time.perf_counter() - started < SECONDS:
        detector.run(windows)
        done += len(windows)
    return done / (time.perf_counter() - started)


@contextlib.contextmanager
def _served(folder: Path, detector: Path, batch: int) -> Iterator[httpx.Client]:
    """A client of the endpoint, whose registry holds the detector."""
    port = free_port()
    place = Settings(state_dir=folder / f"state-{batch}", endpoint_port=port, endpoint_batch=batch)
    os.environ.update(place.environment())
    run = tracking.open_run("benchmark", "benchmark", {})
    registry.set_champion(registry.register(detector, run, {}).version, expected=None)
    command, environment = endpoint_command(place)
    log = (folder / f"log-{batch}").open("wb")
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60.0) as client:
            wait_until_ready(client, process)
            yield client
    finally:
        process.terminate()
        process.wait(60)
        log.close()


def _requests(client: httpx.Client, waveform: np.ndarray) -> tuple[float, float, float]:
    """Requests a second, and the median and 99th percentile of their milliseconds."""
    stream = io.BytesIO()
    soundfile.write(stream, waveform, 16_000, format="WAV")
    upload = {"audio": ("a.wav", stream.getvalue())}
    client.post("/score", files=upload).raise_for_status()
    started = time.perf_counter()

    def send() -> list[float]:
        latencies = []
        while time.perf_counter() - started < SECONDS:
            sent = time.perf_counter()
            client.post("/score", files=upload).raise_for_status()
            latencies.append((time.perf_counter() - sent) * 1000)
        return latencies

    with ThreadPoolExecutor(2 * CORES) as clients:
        sending = [clients.submit(send) for _ in range(2 * CORES)]
        latencies = [milliseconds for future in sending for milliseconds in future.result()]
    rate = len(latencies) / (time.perf_counter() - started)
    return rate, float(np.percentile(latencies, 50)), float(np.percentile(latencies, 99))


def wait_until_ready(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    """Return once a champion is loaded; ends the benchmark where none is within two minutes."""
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if client.get("/readyz").status_code == 200:
                return
        time.sleep(0.2)
    raise SystemExit("the endpoint did not become ready")


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def say(line: str) -> None:
    """One line of the result."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
