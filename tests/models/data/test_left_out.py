from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.data.clips import Clips
from models.data.left_out import MOST, left_out
from models.errors import InputError
from models.trials import Trial


def clips_of(attacks: int, sources: int = 8, name: str = "t") -> Clips:
    """40 human clips, three spoofs of each attack, and a copy of every fourth human clip."""
    humans = [
        Trial(f"{name}b{n}", Path("b"), None, source=f"s{n % sources}", speaker_id=f"p{n % 10}")
        for n in range(40)
    ]
    spoofs = [Trial(f"{name}s{n}", Path("s"), f"a{n % attacks}") for n in range(3 * attacks)]
    copies = [
        Trial(f"{name}c{n}", Path("c"), f"a{n % attacks}", parent=f"{name}b{n}")
        for n in range(0, 40, 4)
    ]
    trials = [*humans, *spoofs, *copies]
    return Clips.from_arrays(trials, [np.ones(4, np.float32)] * len(trials))


@pytest.mark.parametrize("attacks", [2, 4, 12])
@pytest.mark.parametrize("shared_sources", [False, True])
def test_what_is_judged_has_neither_its_attack_nor_its_source_in_train(
    attacks: int, shared_sources: bool
) -> None:
    train, dev = clips_of(attacks), clips_of(attacks, name="d")
    if shared_sources:  # each attack through the sources of people, as matched corpora have it
        trials = [replace(trial, source=f"s{n % 8}") for n, trial in enumerate(train.trials)]
        train = replace(train, trials=tuple(trials))
    folds = left_out(train, dev)
    assert len(folds) == min(attacks, MOST)
    judged = Counter(trial.utterance_id for fold in folds for trial in fold.judged.trials)
    assert set(judged.values()) == {1}
    humans = {trial.utterance_id for trial in train.trials if trial.attack_id is None}
    assert humans < set(judged)
    if not shared_sources:
        assert set(judged) == set(train.utterance_ids)
    for fold in folds:
        held = {trial.attack_id for trial in fold.judged.trials} - {None}
        assert held.isdisjoint(
            {trial.attack_id for trial in (*fold.train.trials, *fold.dev.trials)}
        )
        sources = {trial.source for trial in fold.judged.trials} - {None}
        assert sources.isdisjoint({trial.source for trial in fold.train.trials})
        names = {trial.utterance_id for trial in fold.judged.trials}
        assert all(trial.parent not in names for trial in fold.train.trials)
        assert fold.train.bonafide.any()
        assert not fold.train.bonafide.all()
        assert not fold.dev.bonafide.all()


def test_people_of_one_source_are_left_out_by_speaker_and_then_by_clip() -> None:
    train, dev = clips_of(4, sources=1), clips_of(4)
    for fold in left_out(train, dev):
        speakers = {trial.speaker_id for trial in fold.judged.trials if trial.attack_id is None}
        assert speakers
        assert speakers.isdisjoint(
            {trial.speaker_id for trial in fold.train.trials if trial.attack_id is None}
        )
    nameless = tuple(replace(trial, speaker_id=None, source=None) for trial in train.trials)
    counts = [fold.judged.bonafide.sum() for fold in left_out(replace(train, trials=nameless), dev)]
    assert counts == [10, 10, 10, 10]


def test_a_dev_with_one_attack_stays_whole_where_it_would_lose_every_spoof() -> None:
    train = clips_of(3)
    dev = clips_of(3, name="d")
    one = dev.take([row for row, attack in enumerate(dev.attack_ids) if attack in (None, "a1")])
    assert all(not fold.dev.bonafide.all() for fold in left_out(train, one))


def test_one_attack_alone_is_refused_in_one_sentence() -> None:
    with pytest.raises(InputError, match=r"at least two attacks and two bona fide clips .* 1 and"):
        left_out(clips_of(1), clips_of(1))
