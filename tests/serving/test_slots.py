"""The slot follows the alias through everything that goes wrong on the way."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from models.files.manifest import GRAPH
from serving.cache import ChampionCache
from serving.champion import load_champion
from serving.metrics import Metrics
from serving.slots import ChampionSlot

MakeSlot = Callable[[], ChampionSlot]


@pytest.fixture
def make_slot(registry: Any, tmp_path: Path, counted: Metrics) -> MakeSlot:
    """A slot as a freshly started worker has it; all share one cache folder."""

    def make() -> ChampionSlot:
        return ChampionSlot(
            read_alias=registry.champion,
            fetch=registry.fetch,
            load=partial(load_champion, threads=1),
            cache=ChampionCache(tmp_path / "cache", "registry one"),
            metrics=counted,
            interval_s=0.01,
        )

    return make


@pytest.fixture
def slot(make_slot: MakeSlot) -> Iterator[ChampionSlot]:
    return make_slot()


def version_of(slot: ChampionSlot) -> int | None:
    return slot.current.version if slot.current else None


def poll_until_loaded(slot: ChampionSlot) -> None:
    until = time.monotonic() + 20
    while slot.current is None and time.monotonic() < until:
        slot.poll()


def test_no_champion_is_no_error(slot: ChampionSlot, counted: Metrics) -> None:
    slot.poll()
    assert slot.current is None
    assert counted.registry_reachable._value.get() == 1


def test_the_alias_is_followed_forth_and_back(slot: ChampionSlot, registry: Any) -> None:
    for number in (1, 2, 1):
        registry.alias = number
        slot.poll()
        assert version_of(slot) == number
    assert registry.fetched == [1, 2], "the way back needs no download"


def test_an_alias_that_was_taken_away_silences_nothing(
    slot: ChampionSlot, registry: Any, caplog: pytest.LogCaptureFixture
) -> None:
    registry.alias = 1
    slot.poll()
    registry.alias = None
    slot.poll()
    slot.poll()
    assert version_of(slot) == 1
    assert caplog.text.count("no version has the alias champion, version 1 keeps serving") == 1


def test_a_damaged_version_keeps_the_old_one_and_is_logged_once(
    slot: ChampionSlot,
    registry: Any,
    tmp_path: Path,
    counted: Metrics,
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry.alias = 1
    slot.poll()
    damaged = Path(shutil.copytree(registry.folders[2], tmp_path / "damaged"))
    with (damaged / GRAPH).open("ab") as stream:
        stream.write(b"\0")
    registry.folders[2], registry.alias = damaged, 2
    failures = counted.failed_loads._value.get()
    slot.poll()
    time.sleep(0.05)
    slot.poll()
    assert version_of(slot) == 1
    assert counted.failed_loads._value.get() == failures + 2
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "version 2 could not be loaded, version 1 keeps serving" in errors[0].getMessage()


def test_a_graph_that_breaks_its_golden_vectors_does_not_get_in(
    slot: ChampionSlot, registry: Any, tmp_path: Path
) -> None:
    from models.files.manifest import read_manifest, write_manifest

    wrong = Path(shutil.copytree(registry.folders[2], tmp_path / "wrong"))
    shutil.copy(registry.folders[3] / GRAPH, wrong / GRAPH)
    write_manifest(wrong, read_manifest(wrong))  # every hash is right
    registry.alias = 1
    slot.poll()
    registry.folders[2], registry.alias = wrong, 2
    slot.poll()
    assert version_of(slot) == 1


def test_a_version_that_does_not_load_is_tried_again_after_a_while(
    slot: ChampionSlot, registry: Any
) -> None:
    good = registry.folders.pop(2)
    registry.folders[2] = good / "nowhere"
    registry.alias, began = 2, time.monotonic()
    slot.poll()
    registry.folders[2] = good
    assert slot.failure is not None
    assert slot.failure.retry_at > began + 0.01, "not at once"
    poll_until_loaded(slot)
    assert version_of(slot) == 2


def test_storage_that_is_down_says_nothing_of_the_version(
    slot: ChampionSlot, registry: Any, tmp_path: Path
) -> None:
    good = registry.folders[2]
    registry.folders[2] = tmp_path / "not mounted"
    registry.alias = 2
    slot.poll()
    assert slot.failure is not None and slot.failure.may_pass
    broken = Path(shutil.copytree(good, tmp_path / "broken"))
    (broken / GRAPH).write_bytes(b"no graph")
    registry.folders[2] = broken
    until = time.monotonic() + 20
    while slot.failure.times < 2 and time.monotonic() < until:
        slot.poll()
    assert slot.failure is not None and not slot.failure.may_pass


def test_files_of_the_real_registry_that_cannot_be_read_are_an_outage(
    mlflow_state: Path, versions: dict[int, Path], tmp_path: Path, counted: Metrics
) -> None:
    from infra import registry, tracking

    registered = registry.register(versions[1], tracking.open_run("run", "run", {}), {})
    registry.set_champion(registered.version, expected=None)
    stored = mlflow_state / "artifacts"
    stored.rename(mlflow_state / "away")  # as a share that is not mounted
    slot = ChampionSlot(
        read_alias=registry.champion,
        fetch=registry.fetch,
        load=partial(load_champion, threads=1),
        cache=ChampionCache(tmp_path / "cache", "registry one"),
        metrics=counted,
        interval_s=0.01,
    )
    slot.poll()
    assert slot.failure is not None and slot.failure.may_pass
    (mlflow_state / "away").rename(stored)
    poll_until_loaded(slot)
    assert version_of(slot) == 1


def test_a_registry_that_is_down_silences_nothing(
    slot: ChampionSlot, registry: Any, counted: Metrics
) -> None:
    registry.alias = 1
    slot.poll()
    registry.down = True
    slot.poll()
    assert version_of(slot) == 1
    assert counted.registry_reachable._value.get() == 0
    registry.down, registry.alias = False, 2
    slot.poll()
    assert version_of(slot) == 2
    assert counted.registry_reachable._value.get() == 1


def test_a_start_without_the_registry_answers_with_the_version_that_loaded_last(
    make_slot: MakeSlot, registry: Any
) -> None:
    first = make_slot()
    for number in (2, 1):
        registry.alias = number
        first.poll()
    registry.down = True
    second = make_slot()
    second.poll()
    assert version_of(second) == 1
    registry.down, registry.alias = False, 3
    second.poll()
    assert version_of(second) == 3


def test_a_first_start_without_the_registry_waits_for_it(slot: ChampionSlot, registry: Any) -> None:
    registry.down = True
    slot.poll()
    assert slot.current is None
    registry.down, registry.alias = False, 1
    slot.poll()
    assert version_of(slot) == 1


def test_following_happens_in_the_background(slot: ChampionSlot, registry: Any) -> None:
    slot.start()
    assert slot.following
    registry.alias = 3
    until = time.monotonic() + 10
    while version_of(slot) != 3 and time.monotonic() < until:
        time.sleep(0.01)
    slot.stop()
    assert version_of(slot) == 3
    assert not slot.following


def test_a_worker_can_wait_until_its_champion_stands(slot: ChampionSlot, registry: Any) -> None:
    registry.alias = 2
    assert not slot.wait_for_first_poll(0.0)
    slot.start()
    assert slot.wait_for_first_poll(10.0)
    assert version_of(slot) == 2
    slot.stop()
