"""Claim: a challenger in shadow makes no answer slower than chance does.

    python -m benchmarks.shadow

One `bentoml serve` on 127.0.0.1 with an AASIST as champion. Rounds without a challenger and rounds
with another AASIST as challenger take turns, so that both meet the same machine. Printed are the
median and the 95th percentile of an answer's time in both kinds of rounds and their ratios, first
with a client that leaves pauses, then with as many clients at once as there are runner threads;
and how many of the answered requests the challenger has scored or dropped.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import soundfile

from benchmarks.endpoint import free_port, make_detector, say, wait_until_ready
from infra import registry, tracking
from infra.settings import Settings
from models.files.manifest import read_manifest
from serving.assembly import threads_per_worker
from serving.launch import endpoint_command

TURNS = (False, True, True, False) * 2  # whether there is a challenger: each is loaded twice
SECONDS = 15.0  # of a turn
PAUSE = 1.5  # of the client that leaves some, in times of an answer


def main() -> None:
    """Print the ratios for both kinds of load."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        place = Settings(state_dir=folder / "state", endpoint_port=free_port())
        os.environ.update(place.environment())
        detector = make_detector(folder / "detector")
        for key in ("champion", "challenger"):
            registry.register(detector, tracking.open_run(key, key, {}), {})
        registry.set_champion(1, expected=None)
        samples = read_manifest(detector).window.samples
        waveform = np.random.default_rng(1).normal(0, 0.05, samples)
        command, environment = endpoint_command(place)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{place.endpoint_port}", timeout=120) as c:
                wait_until_ready(c, process)
                _measure(c, waveform, 1, PAUSE)
                _measure(c, waveform, threads_per_worker(place), 0.0)
        finally:
            process.terminate()
            process.wait(60)


def _measure(client: httpx.Client, waveform: np.ndarray, clients: int, pause: float) -> None:
    latencies: dict[bool, list[float]] = {False: [], True: []}
    before = _counted(client)
    for challenged in TURNS:
        _challenge(client, challenged)
        latencies[challenged] += _round(client, waveform, clients, pause)
    after = _counted(client)
    load = "with pauses" if pause else f"{clients} at once"
    ratios = []
    for share in (50, 95):
        alone, beside = (float(np.percentile(latencies[kind], share)) for kind in (False, True))
        ratios.append(f"p{share} {alone:.0f} -> {beside:.0f} ms, ratio {beside / alone:.2f}")
    scored, dropped = (now - then for now, then in zip(after, before, strict=True))
    say(
        f"{load}, {len(latencies[False])} and {len(latencies[True])} answers: {'; '.join(ratios)}; "
        f"the challenger scored {scored:.0f} and dropped {dropped:.0f}"
    )


def _challenge(client: httpx.Client, wanted: bool) -> None:
    """Set or take the alias, and wait until the endpoint has followed."""
    if wanted:
        registry.set_challenger(2, 1, {})
    else:
        registry.drop_challenger(2)
    until = time.monotonic() + 300
    while time.monotonic() < until:
        challenger = client.get("/model").json()["challenger"]
        if ((challenger or {}).get("version") == 2) == wanted:
            return
        time.sleep(0.2)
    raise SystemExit("the endpoint did not follow the challenger")


def _round(client: httpx.Client, waveform: np.ndarray, clients: int, pause: float) -> list[float]:
    """Milliseconds of each answer."""
    stream = io.BytesIO()
    soundfile.write(stream, waveform, 16_000, format="WAV")
    upload = {"audio": ("a.wav", stream.getvalue())}
    client.post("/score", files=upload).raise_for_status()
    until = time.monotonic() + SECONDS

    def send() -> list[float]:
        latencies = []
        while time.monotonic() < until:
            sent = time.perf_counter()
            client.post("/score", files=upload).raise_for_status()
            seconds = time.perf_counter() - sent
            latencies.append(seconds * 1000)
            time.sleep(pause * seconds)
        return latencies

    with ThreadPoolExecutor(clients) as pool:
        sending = [pool.submit(send) for _ in range(clients)]
        return [milliseconds for future in sending for milliseconds in future.result()]


def _counted(client: httpx.Client) -> tuple[float, float]:
    """Requests that the challenger has scored, and dropped."""
    exposed = client.get("/metrics").text
    scored, dropped = (
        sum(map(float, re.findall(rf"^antiphon_shadow_{kind}_total.* (\S+)$", exposed, re.M)))
        for kind in ("scores", "dropped")
    )
    return scored, dropped


if __name__ == "__main__":
    main()
