"""/readyz says 503 while nobody can be served, and 200 again afterwards."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving import readiness
from serving.decode import Decoders
from serving.door import Door
from serving.metrics import metrics
from serving.readiness import Places, why_not_ready
from serving.runners import FAILURES, Runners

Start = Callable[..., Any]


def objection(door: Door, places: Places | None = None) -> str | None:
    return asyncio.run(why_not_ready(door, places or Places(1)))


@pytest.fixture
def own_decoders() -> Iterator[Decoders]:
    decoders = Decoders(1, 2**20, 60.0, 20.0, metrics())
    yield decoders
    decoders.close()


def test_an_endpoint_with_a_champion_is_ready_and_one_without_is_not(start: Start) -> None:
    assert objection(start(alias=1).door) is None


def test_without_a_champion_nobody_is_served(start: Start) -> None:
    assert objection(start(alias=None).door) == "no champion is loaded yet"


def test_while_every_place_is_taken_nobody_is_served(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "FULL_S", -1.0)
    door, places = start().door, Places(2)
    with places.taken():
        assert places.full_for() == 0.0
        monkeypatch.setattr(readiness, "FULL_S", 0.0)
        assert objection(door, places) is None
        with places.taken():
            assert "every place has been taken" in str(objection(door, places))
        assert objection(door, places) is None


def test_a_decoding_process_that_ended_is_started_again(
    start: Start, own_decoders: Decoders
) -> None:
    door = replace(start().door, decoders=own_decoders)
    (process,) = own_decoders._all
    process._process.send_signal(signal.SIGKILL)
    process._process.wait(30)
    assert objection(door) is None
    assert process.running


def test_without_any_decoding_process_nobody_is_served(
    start: Start, own_decoders: Decoders, recording: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = replace(start().door, decoders=own_decoders)
    (process,) = own_decoders._all
    process._process.send_signal(signal.SIGKILL)
    process._process.wait(30)
    with monkeypatch.context() as patch:
        patch.setattr("sys.executable", "/no/such/python")  # as if no process could be started
        assert objection(door) == "no decoding process is running, and none can be started"
    assert objection(door) is None
    audio = asyncio.run(own_decoders.decode(recording, "call.wav"))  # its place was not lost
    assert len(audio.waveform) == 32_000


def test_a_detector_that_fails_on_everything_serves_nobody_until_it_works(
    start: Start, versions: dict[int, Path]
) -> None:
    assert versions
    door: Door = start().door
    champion = door.champion()

    class Broken:
        broken = True
        manifest, calibration = champion.manifest, champion.calibration

        def run(self, windows: Any) -> Any:
            if self.broken:
                raise RuntimeError("out of memory")
            return champion.detector.run(windows)

    detector = Broken()
    runners = Runners(1, 1)
    ill = replace(champion, detector=detector)
    failing = replace(door, runners=runners)
    silence = np.zeros((1, champion.manifest.window.samples), np.float32)
    for _ in range(FAILURES):
        assert objection(failing) is None
        with pytest.raises(RuntimeError, match="out of memory"):
            runners.submit(ill, silence).result(30)
    door.slot._current = ill
    assert objection(failing) == "the detector fails on every recording; the log has the reason"
    detector.broken = False
    assert objection(failing) is None
    door.slot._current = champion
    runners.close()
