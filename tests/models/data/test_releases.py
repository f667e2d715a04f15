"""Attacks in the order in which they came up, and labels that share nothing with what is judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.data.releases import new_attacks
from models.errors import InputError
from models.trials import Partition, Trial


def trials_of(
    attack: str | None, partition: Partition, count: int, release: str, source: str, voice: str
) -> list[Trial]:
    name = f"{attack or 'human'}-{partition}-{source}-{voice}"
    return [
        Trial(
            f"{name}-{number}", Path("x.flac"), attack, partition, voice, source=source,
            extra={"release": release, "text": f"{name} {number}"},
        )
        for number in range(count)
    ]  # fmt: skip


def corpus() -> list[Trial]:
    speech = [
        trial
        for partition in Partition
        for trial in trials_of(None, partition, 12, "0", f"line-{partition}", f"human-{partition}")
    ]
    return [
        *speech,
        *(t for p in Partition for t in trials_of("old", p, 12, "0", f"line-{p}", "robot")),
        *trials_of("new", Partition.TRAIN, 12, "1", "line-train", "voice-a"),
        *trials_of("new", Partition.TRAIN, 12, "1", "line-eval", "voice-a"),
        *trials_of("new", Partition.DEV, 12, "1", "line-dev", "voice-b"),
        *trials_of("new", Partition.EVAL, 12, "1", "line-eval", "voice-c"),
        *trials_of("newer", Partition.TRAIN, 12, "2", "line-train", "lone"),
        *trials_of("newer", Partition.EVAL, 12, "2", "line-eval", "lone"),
        *trials_of("rare", Partition.TRAIN, 3, "2", "line-train", "lone"),
    ]


def test_labels_of_a_new_attack_share_no_voice_source_or_text_with_what_is_judged() -> None:
    trials = corpus()
    new = new_attacks(trials)[0]
    assert (new.attack, new.release, new.known) == ("new", 1, ("old",))
    assert new.apart == ("voices", "sources", "texts")
    assert {trials[row].source for row in new.labelled} == {"line-train", "line-dev"}
    assert {trials[row].source for row in new.judged} == {"line-eval"}
    assert {trials[row].source for row in new.bonafide} == {"line-eval"}
    assert {trials[row].partition for row in new.train} == {Partition.TRAIN}
    assert {trials[row].attack_id for row in new.train} == {None, "old"}
    assert {trials[row].attack_id for row in new.others} == {None, "old"}


def test_an_attack_with_one_voice_gives_up_that_alone_and_a_rare_one_is_left_out() -> None:
    attacks = {attack.attack: attack for attack in new_attacks(corpus())}
    assert set(attacks) == {"new", "newer"}
    assert attacks["newer"].apart == ("sources", "texts")
    assert attacks["newer"].known == ("new", "old")


def test_a_corpus_without_releases_is_refused() -> None:
    trials = corpus()
    with pytest.raises(InputError, match=r"release: attacks of two releases expected"):
        new_attacks([t for t in trials if t.attack_id in (None, "old")])
    with pytest.raises(
        InputError, match=r"a whole number in the column release expected, found ''"
    ):
        new_attacks([Trial("a", Path("a.flac"), "x", Partition.TRAIN)])
    with pytest.raises(InputError, match=r"^releases: an attack of a later release with 10 spoofs"):
        new_attacks([t for t in trials if t.attack_id in (None, "old", "rare")])
