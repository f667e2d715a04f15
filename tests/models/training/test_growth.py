from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.data.clips import Clips
from models.params.learning import GrowthParams
from models.params.tree import Params
from models.training.sampling import Sampler


def growing(clips: Clips, params: Params, **changes: object) -> Sampler:
    growth = GrowthParams(first_share=0.25, epochs=3)
    changes = {"growth": growth, "epochs": 5, "steps_per_epoch": 0, "batch_size": 4, **changes}
    return Sampler(clips, replace(params.training, **changes), {})


def seen(sampler: Sampler, epoch: int) -> set[int]:
    """Indices of the clips that the balanced batches of an epoch may draw."""
    share = sampler.epochs.shares[epoch]
    draws = (sampler.balanced(np.random.default_rng(n), share) for n in range(200))
    return {int(index) for draw in draws for index in draw}


def test_epochs_grow_with_the_clips_until_all_take_part(
    train_clips: Clips, tiny_params: Params
) -> None:
    epochs = growing(train_clips, tiny_params).epochs
    assert epochs.shares == (0.25, 0.625, 1.0, 1.0, 1.0)
    assert [epochs.length(epoch) for epoch in range(5)] == [2, 4, 6, 6, 6]  # of 24 clips by fours
    assert epochs.steps == 24
    assert [epochs.of(step) for step in (0, 1, 2, 5, 6, 23)] == [0, 0, 1, 1, 2, 4]


def test_who_took_part_goes_on_taking_part_and_no_attack_is_left_out(
    train_clips: Clips, tiny_params: Params
) -> None:
    sampler = growing(train_clips, tiny_params)
    parts = [seen(sampler, epoch) for epoch in range(3)]
    assert parts[0] < parts[1] < parts[2] == set(range(24))
    assert {train_clips.attack_ids[i] for i in parts[0]} == {None, "A1", "A2"}
    assert len(parts[0]) == 3 + 1 + 2  # a quarter of 12, 4 and 8


@pytest.mark.parametrize("epoch,count", [(0, 6), (1, 15)])
def test_unbalanced_epochs_show_each_clip_that_takes_part(
    epoch: int, count: int, train_clips: Clips, tiny_params: Params
) -> None:
    sampler = growing(train_clips, tiny_params, balanced=False)
    first = sampler.epochs.first_step(epoch)
    steps = range(first, first + sampler.epochs.length(epoch))
    order = np.concatenate([sampler.in_order(step) for step in steps])
    assert len(set(order.tolist()[:count])) == len(set(order.tolist())) == count


def test_without_growth_nothing_changes(train_clips: Clips, tiny_params: Params) -> None:
    plain = Sampler(train_clips, tiny_params.training, {})
    assert plain.epochs.shares == (1.0, 1.0, 1.0)
    assert plain.epochs.ends == (5, 10, 15)
