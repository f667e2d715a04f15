"""Windows of many requests share the runners, and no request sees another's outputs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import InputError
from models.packaging.runtime import ExportedDetector
from serving.champion import LoadedChampion, load_champion
from serving.runners import Runners
from tests.tolerances import rounding


@pytest.fixture(scope="module")
def champions(versions: dict[int, Path]) -> list[LoadedChampion]:
    return [load_champion(number, versions[number], threads=2) for number in (1, 2)]


@pytest.fixture(params=[1, 4])
def runners(request: pytest.FixtureRequest) -> Iterator[Runners]:
    runners = Runners(threads=2, batch=request.param)
    yield runners
    runners.close()


def some_windows(count: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((count, 8_000)).astype(np.float32)


def test_every_request_gets_the_outputs_of_its_own_windows_by_its_own_champion(
    runners: Runners, champions: list[LoadedChampion]
) -> None:
    jobs = []
    for seed in range(40):
        windows, champion = some_windows(1 + seed % 7, seed), champions[seed % 2]
        jobs.append((champion, windows, runners.submit(champion, windows)))
    for champion, windows, future in jobs:
        logits, embeddings = future.result(30)
        expected = champion.version + np.square(windows, dtype=np.float64).mean(axis=1)
        np.testing.assert_allclose(logits[:, 1], expected, rtol=rounding(8_000))
        assert np.array_equal(embeddings, windows[:, :20])


def test_windows_the_graph_refuses_fail_their_request_and_no_other(
    runners: Runners, champions: list[LoadedChampion]
) -> None:
    wrong = runners.submit(champions[0], np.zeros((2, 100), np.float32))
    right = runners.submit(champions[1], some_windows(2, 1))
    with pytest.raises(InputError, match="windows of shape"):
        wrong.result(10)
    assert len(right.result(10)[0]) == 2


def gated(
    champion: LoadedChampion, gate: threading.Event, first_samples: list[float]
) -> LoadedChampion:
    """The champion behind a gate, noting the first sample of each window it runs."""

    class Gated(ExportedDetector):
        def __init__(self) -> None:
            self.__dict__.update(champion.detector.__dict__)

        def run(self, windows: NDArray[np.float32]) -> Any:
            first_samples.extend(float(value) for value in windows[:, 0])
            gate.wait(10)
            return super().run(windows)

    return replace(champion, detector=Gated())


@pytest.fixture
def one_thread() -> Iterator[Callable[[int], Runners]]:
    started: list[Runners] = []

    def make(batch: int) -> Runners:
        started.append(Runners(threads=1, batch=batch))
        return started[-1]

    yield make
    for runners in started:
        runners.close()


def marked(count: int, mark: float) -> NDArray[np.float32]:
    return np.full((count, 8_000), mark, np.float32)


def test_a_long_recording_does_not_keep_short_ones_waiting(
    one_thread: Callable[[int], Runners], champions: list[LoadedChampion]
) -> None:
    gate, first_samples = threading.Event(), list[float]()
    champion, runners = gated(champions[0], gate, first_samples), one_thread(1)
    long = runners.submit(champion, marked(20, 1.0))
    short = runners.submit(champion, marked(1, 2.0))
    gate.set()
    short.result(10)
    long.result(10)
    assert first_samples.index(2.0) <= 2


def test_windows_of_concurrent_requests_share_a_batch_of_one_champion(
    one_thread: Callable[[int], Runners], champions: list[LoadedChampion]
) -> None:
    gate, first_samples = threading.Event(), list[float]()
    first, runners = gated(champions[0], gate, first_samples), one_thread(4)
    other_seen = list[float]()
    second = gated(champions[1], gate, other_seen)
    blocking = runners.submit(first, marked(1, 0.0))
    jobs = [runners.submit(first if n % 2 else second, marked(1, float(n))) for n in range(1, 7)]
    gate.set()
    for future in [blocking, *jobs]:
        future.result(10)
    assert sorted(first_samples) == [0.0, 1.0, 3.0, 5.0]
    assert sorted(other_seen) == [2.0, 4.0, 6.0]


def test_windows_of_different_lengths_are_never_in_one_batch(
    versions: dict[int, Path], one_thread: Callable[[int], Runners]
) -> None:
    gate, champion = threading.Event(), load_champion(6, versions[6], threads=1)
    blocked, runners = gated(champion, gate, []), one_thread(4)
    lengths = [32_000, 9_000, 9_000, 20_000, 9_000]
    random = np.random.default_rng(3)
    windows = [random.standard_normal((1, n)).astype(np.float32) for n in lengths]
    jobs = [runners.submit(blocked, window) for window in windows]
    gate.set()
    for window, job in zip(windows, jobs, strict=True):
        logits, _ = job.result(10)
        expected = 6 + np.square(window, dtype=np.float64).mean()
        np.testing.assert_allclose(logits[0, 1], expected, rtol=rounding(window.size))


def test_a_request_whose_client_left_is_not_run(
    one_thread: Callable[[int], Runners], champions: list[LoadedChampion]
) -> None:
    gate, first_samples = threading.Event(), list[float]()
    champion, runners = gated(champions[0], gate, first_samples), one_thread(1)
    first = runners.submit(champion, marked(1, 1.0))
    left = runners.submit(champion, marked(5, 2.0))
    last = runners.submit(champion, marked(1, 3.0))
    assert left.cancel()
    gate.set()
    first.result(10)
    last.result(10)
    assert 2.0 not in first_samples
