"""Shadow watches in processes of their own, and beside an endpoint that answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from sqlalchemy import Engine

from flows.rollout.rollout import run_in_shadow
from infra import registry
from infra.database import reading
from infra.settings import settings
from infra.tables import FieldSample, ShadowScore
from tests.flows.shadow.trials import PROJECT, RULES, Trial, version_of, watch

pytestmark = pytest.mark.slow


def test_two_processes_that_look_at_once_decide_once(trial: Trial) -> None:
    trial.begin()
    trial.hear_in_turns(30)
    watch()
    trial.review("spoof")
    source = """
from flows.shadow import shadow_watch
print("ready", flush=True)
input()
print(shadow_watch.fn().model_dump_json())
"""
    environment = {**os.environ, **settings().environment(), "PYTHONPATH": str(PROJECT)}
    both = [
        subprocess.Popen(
            [sys.executable, "-c", source], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in both:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=200) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    states = sorted(json.loads(out.splitlines()[-1])["state"] for out, _ in outputs)
    assert states in (["ended", "in shadow"], ["ended", "no challenger"]), states
    (look,) = trial.looks()
    assert look.decision == "promote" and look.acted_at is not None
    assert (version_of(registry.champion()), registry.previous()) == (2, 1)


def test_from_live_traffic_to_the_new_champion(
    trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The endpoint as it runs: the champion calls all bona fide, the challenger what is loud."""
    monkeypatch.delenv("ANTIPHON_ENDPOINT")
    champion, challenger = trial.make(5.0), trial.make(0.5 - 0.003)
    registry.set_champion(champion, expected=None)
    here = settings()
    address = f"http://{here.endpoint_host}:{here.endpoint_port}"
    log = (tmp_path / "endpoint.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "serving.launch"],
        cwd=PROJECT,
        env={**os.environ, **here.environment(), "PYTHONPATH": str(PROJECT)},
        stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    try:
        with httpx.Client(base_url=address, timeout=30.0) as client:
            wait_for(lambda: answers(client, "/readyz"))
            assert run_in_shadow(challenger, champion, RULES) is not None
            wait_for(lambda: (client.get("/model").json()["challenger"] or {}).get("version"))
            documents = [call(client, tmp_path, number) for number in range(60)]
            assert {document["verdict"] for document in documents} == {"bonafide"}
            wait_for(lambda: count(trial.database, ShadowScore) == 60)
            assert watch().waiting == 30
            trial.review("spoof")
            assert "the endpoint answers with version 2" in watch().sentence
            assert call(client, tmp_path, 61)["verdict"] == "spoof"
            model = client.get("/model").json()
            assert model["version"] == 2
            wait_for(lambda: client.get("/model").json()["challenger"] is None)
            assert "antiphon_shadow_scores_total" in client.get("/metrics").text
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def call(client: httpx.Client, folder: Path, number: int) -> dict[str, Any]:
    """Every second caller is loud, the others are quiet."""
    level = 0.3 if number % 2 == 0 else 0.01
    waveform = level * np.random.default_rng(number).standard_normal(12_000)
    soundfile.write(folder / "call.wav", waveform, 16_000)
    form = {"speaker_id": f"s{number}"}
    files = {"audio": ("call.wav", (folder / "call.wav").read_bytes())}
    response = client.post("/score", files=files, data=form)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def answers(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).status_code == 200
    except httpx.TransportError:
        return False


def count(database: Engine, table: type[ShadowScore | FieldSample]) -> int:
    with reading(database) as opened:
        return opened.query(table).count()


def wait_for(holds: Callable[[], object]) -> None:
    until = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < until, "not within 120 s"
        time.sleep(0.2)
