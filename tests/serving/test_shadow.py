"""The challenger hears what the champion has answered, and nothing that befalls it is noticed."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from infra.database import reading
from infra.tables import ShadowScore
from models.audio.windows import cut_windows
from models.files.manifest import GRAPH, read_manifest, write_manifest
from serving.metrics import Metrics
from tests.tolerances import rounding

Start = Callable[..., Any]


def wait_until(holds: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until, "not within 60 s"
        time.sleep(0.01)


def challenged(start: Start, registry: Any, by: int, **options: Any) -> Any:
    """An endpoint whose champion is version 1, with a challenger that listens."""
    registry.challenged_by = by
    endpoint = start(**options)
    wait_until(lambda: endpoint.door.shadow.slot.current)
    return endpoint


def rows(endpoint: Any) -> list[ShadowScore]:
    with reading(endpoint.door.score_log.engine()) as transaction:
        return list(transaction.query(ShadowScore))


def dropped(counted: Metrics, reason: str) -> float:
    value: float = counted.challenger.dropped.labels(reason)._value.get()
    return value


def test_the_challenger_scores_the_windows_that_the_champion_heard(
    start: Start, registry: Any, recording: bytes
) -> None:
    endpoint = challenged(start, registry, by=3)
    answer = endpoint.score(recording).json()
    wait_until(lambda: rows(endpoint))
    (row,) = rows(endpoint)
    assert (answer["model_version"], row.model_version) == (1, 3)
    assert (row.request_id, row.verdict, row.threshold) == (answer["request_id"], "bonafide", 0.5)
    assert row.cm_score == pytest.approx(answer["cm_score"] + 2, rel=rounding(8_000))


def test_a_challenger_of_other_windows_cuts_the_same_audio_again(
    start: Start, registry: Any, recording: bytes, speech: NDArray[np.float32]
) -> None:
    endpoint = challenged(start, registry, by=5)
    assert endpoint.score(recording).json()["windows"] == 7
    wait_until(lambda: rows(endpoint))
    (row,) = rows(endpoint)
    window = endpoint.door.shadow.slot.current.manifest.window
    expected = -5 + float(np.square(cut_windows(speech, window), dtype=np.float64).mean())
    assert row.cm_score == pytest.approx(expected, rel=rounding(window.samples))
    assert row.verdict == "spoof"


def test_the_model_page_names_the_challenger(start: Start, registry: Any) -> None:
    endpoint = start()
    assert endpoint.client.get("/model").json()["challenger"] is None
    registry.challenged_by = 2
    wait_until(lambda: endpoint.door.shadow.slot.current)
    challenger = endpoint.client.get("/model").json()["challenger"]
    assert (challenger["version"], challenger["threshold"], challenger["failure"]) == (2, 0.5, None)


def test_an_alias_that_moves_or_goes_is_followed(start: Start, registry: Any) -> None:
    endpoint = challenged(start, registry, by=2)
    first = endpoint.door.shadow.slot.current
    registry.challenged_by = 3
    wait_until(lambda: endpoint.door.shadow.slot.current.version == 3)
    wait_until(lambda: first.ended)
    second = endpoint.door.shadow.slot.current
    registry.challenged_by = None
    wait_until(lambda: endpoint.door.shadow.slot.current is None)
    wait_until(lambda: second.ended)
    assert endpoint.client.get("/model").json()["challenger"] is None


def test_a_broken_challenger_changes_no_answer_and_is_told(
    start: Start, registry: Any, recording: bytes, tmp_path: Path
) -> None:
    wrong = Path(shutil.copytree(registry.folders[2], tmp_path / "wrong"))
    shutil.copy(registry.folders[3] / GRAPH, wrong / GRAPH)
    write_manifest(wrong, read_manifest(wrong))  # every hash is right, the golden vectors are not
    registry.folders[2], registry.challenged_by = wrong, 2
    endpoint = start()
    before = endpoint.score(recording).json()
    wait_until(lambda: endpoint.door.shadow.slot.failure)
    after = endpoint.score(recording).json()
    assert {**before, "request_id": ""} == {**after, "request_id": ""}
    model = endpoint.client.get("/model").json()
    assert (model["version"], model["failed_version"]) == (1, None)
    assert (model["challenger"]["version"], model["challenger"]["failed_version"]) == (None, 2)
    assert "golden.npz expected" in model["challenger"]["failure"]
    assert rows(endpoint) == []


def test_a_challenger_that_crashes_costs_no_answer_and_comes_back(
    start: Start, registry: Any, recording: bytes
) -> None:
    endpoint = challenged(start, registry, by=3)
    first = endpoint.door.shadow.slot.current
    os.kill(first.process.pid, signal.SIGSEGV)
    assert endpoint.score(recording).status_code == 200
    wait_until(lambda: endpoint.door.shadow.slot.current not in (None, first))
    assert endpoint.door.alive
    last = endpoint.score(recording).json()["request_id"]
    wait_until(lambda: last in {row.request_id for row in rows(endpoint)})


def test_a_challenger_that_cannot_keep_up_drops_recordings_and_holds_up_none(
    start: Start, registry: Any, recording: bytes, counted: Metrics
) -> None:
    endpoint = challenged(start, registry, by=3, queue_s=5.0)
    process = endpoint.door.shadow.slot.current.process
    missed = dropped(counted, "the queue is full")
    os.kill(process.pid, signal.SIGSTOP)  # slower than that nobody is
    try:
        answers = [endpoint.score(recording) for _ in range(6)]
        assert {answer.status_code for answer in answers} == {200}
        assert counted.challenger.waiting._value.get() == 2, "of two seconds each"
        assert dropped(counted, "the queue is full") == missed + 4
        assert rows(endpoint) == []
    finally:
        os.kill(process.pid, signal.SIGCONT)
    wait_until(lambda: len(rows(endpoint)) == 2)


def test_the_challenger_gives_way_to_everything_else(start: Start, registry: Any) -> None:
    endpoint = challenged(start, registry, by=3)
    pid = endpoint.door.shadow.slot.current.process.pid
    wait_until(lambda: os.getpriority(os.PRIO_PROCESS, pid) == 19)
    if hasattr(os, "SCHED_IDLE"):
        wait_until(lambda: os.sched_getscheduler(pid) == os.SCHED_IDLE)
        assert Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "1000"


def test_an_endpoint_that_ends_ends_its_challenger(start: Start, registry: Any) -> None:
    endpoint = challenged(start, registry, by=3)
    challenger = endpoint.door.shadow.slot.current
    os.kill(challenger.process.pid, signal.SIGSTOP)
    endpoint.door.close()
    assert challenger.ended
