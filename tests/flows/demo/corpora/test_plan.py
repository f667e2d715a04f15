"""The plan of the demo corpus, before anything is decoded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from flows.demo.corpora.cast import CAST, shares
from flows.demo.corpora.demo import KNOWN_ATTACKS, UNHEARD, plan_demo
from flows.demo.corpora.find_recordings import Recording
from flows.demo.corpora.orders import BASE, SIZES, TRAFFIC, Batch, Order
from models.errors import InputError


def recordings(per_speaker: int = 400) -> list[Recording]:
    speakers = {name for groups in CAST.values() for group in groups for name in group.speakers}
    return [
        Recording(f"{name}-{n}", Path(f"{name}/{n}.g722"), name, "en", "studio", "g722", "none")
        for name in sorted(speakers)
        for n in range(per_speaker)
    ]


@pytest.fixture(scope="module")
def batches() -> list[Batch]:
    return plan_demo(recordings(), SIZES["full"], seed=1)


def orders(batches: Sequence[Batch], corpus: str | None = None) -> list[Order]:
    return [order for batch in batches if corpus in (None, batch.corpus) for order in batch.orders]


def test_no_speaker_is_in_two_partitions(batches: list[Batch]) -> None:
    partitions: dict[str, set[str]] = defaultdict(set)
    for order in orders(batches):
        partitions[order.speaker_id].add(order.partition)
    assert {name: several for name, several in partitions.items() if len(several) > 1} == {}


def test_no_utterance_is_in_base_and_traffic(batches: list[Batch]) -> None:
    names = [order.utterance_id for order in orders(batches)]
    assert len(set(names)) == len(names)


def test_a_copy_and_its_parent_are_on_one_side(batches: list[Batch]) -> None:
    by_name = {order.utterance_id: order for order in orders(batches)}
    copies = [order for order in orders(batches) if order.parent]
    assert copies
    for copy in copies:
        parent = by_name[copy.parent]
        assert (copy.partition, copy.speaker_id) == (parent.partition, parent.speaker_id)
        assert copy.recording == parent.recording


def test_a_channel_is_lent_within_the_partition(batches: list[Batch]) -> None:
    partition = {o.recording: o.partition for o in orders(batches) if o.attack_id is None}
    for order in orders(batches):
        assert partition[order.recording] == order.partition


def test_only_traffic_brings_the_attack_that_is_new(batches: list[Batch]) -> None:
    base = {order.attack_id for order in orders(batches, BASE)}
    assert base == {None, *KNOWN_ATTACKS, "world_copy"}
    traffic = orders(batches, TRAFFIC)
    assert {order.attack_id for order in traffic} == base | {UNHEARD}
    assert {order.attack_id for order in traffic if order.release == 1} == {UNHEARD}


def test_a_batch_wants_what_the_size_says(batches: list[Batch]) -> None:
    wanted: dict[tuple[str, bool], int] = defaultdict(int)
    for batch in batches:
        assert batch.wanted is not None
        wanted[batch.corpus, batch.orders[0].attack_id is None] += batch.wanted
    size = SIZES["full"]
    assert wanted[BASE, True] + wanted[TRAFFIC, True] == sum(size.bonafide.values())
    attacks = 3 * sum(size.attack.values()) + sum(size.unheard.values())
    assert wanted[BASE, False] + wanted[TRAFFIC, False] == attacks


def test_the_seed_decides_the_plan() -> None:
    first, again, other = (plan_demo(recordings(), SIZES["small"], seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_too_few_recordings_are_refused_by_name() -> None:
    few = [recording for recording in recordings() if recording.speaker_id != "june_wallack"]
    with pytest.raises(InputError, match=r"train: 50 recordings of june_wallack.*0 found"):
        plan_demo(few, SIZES["full"], seed=1)


def test_shares_add_up() -> None:
    assert shares(10, [1, 1, 1]) == [3, 4, 3]
    assert sum(shares(260, [0.28, 0.18, 0.2, 0.12, 0.22])) == 260
