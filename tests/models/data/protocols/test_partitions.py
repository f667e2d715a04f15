"""Drawn partitions: nothing leaks, nothing moves, and nothing is left without a class."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from models.data.protocols.partitions import draw_partitions, group_keys, partition_of
from models.data.protocols.reading import read_protocol
from models.errors import InputError
from models.trials import Label, Partition, Trial


def human(name: str, speaker: str | None = None) -> Trial:
    return Trial(name, Path(f"{name}.wav"), None, speaker_id=speaker)


def spoof(name: str, speaker: str | None = None, parent: str | None = None) -> Trial:
    return Trial(name, Path(f"{name}.wav"), "world", speaker_id=speaker, parent=parent)


def population(speakers: int) -> list[Trial]:
    """Two recordings and a copy of each speaker."""
    names = [f"speaker-{n}" for n in range(speakers)]
    recordings = [human(f"{name}-{i}", name) for name in names for i in (1, 2)]
    return recordings + [spoof(f"{name}-c", None, f"{name}-1") for name in names]


def drawn(trials: list[Trial], **shares: float) -> dict[str, Partition | None]:
    result = draw_partitions(trials, origin="corpus", seed=2026, **shares)
    return {trial.utterance_id: trial.partition for trial in result}


def test_neither_a_speaker_nor_a_copy_and_its_parent_are_split() -> None:
    partitions = drawn(population(200))
    for n in range(200):
        name = f"speaker-{n}"
        assert len({partitions[f"{name}-{tail}"] for tail in ("1", "2", "c")}) == 1


def test_shares_are_near_what_is_asked_for() -> None:
    counts = Counter(drawn(population(2000)).values())
    assert [round(counts[p] / 6000, 1) for p in Partition] == [0.6, 0.2, 0.2]


def test_new_speakers_move_no_old_one() -> None:
    everyone = population(400)
    old = [trial for trial in everyone if int(trial.utterance_id.split("-")[1]) < 100]
    before, after = drawn(old), drawn(everyone)
    assert all(after[name] is partition for name, partition in before.items())


def test_new_copies_move_nobody_whatever_speaker_they_claim() -> None:
    old = population(60)
    new = [spoof(f"new-{n}", f"a-voice-{n}", f"speaker-{n}-2") for n in range(60)]
    before, after = drawn(old), drawn(old + new)
    assert all(after[name] is partition for name, partition in before.items())
    assert all(after[f"new-{n}"] is before[f"speaker-{n}-2"] for n in range(60))


def test_two_speakers_tied_by_a_conversion_become_one_group() -> None:
    trials = [human("a", "anna"), human("b", "ben"), spoof("converted", "ben", "a")]
    assert group_keys(trials) == ["anna", "anna", "anna"]


def test_the_order_of_trials_does_not_matter() -> None:
    trials = population(50)
    shuffled = random.Random(1).sample(trials, len(trials))
    assert drawn(trials) == drawn(shuffled)


def test_another_seed_draws_otherwise() -> None:
    keys = [f"speaker-{n}" for n in range(100)]
    assert [partition_of(k, seed=1) for k in keys] != [partition_of(k, seed=2) for k in keys]


def test_a_field_sample_goes_where_its_speaker_already_is() -> None:
    for name, partition in drawn(population(100)).items():
        assert partition_of("-".join(name.split("-")[:2])) is partition


def test_this_version_draws_as_every_later_one_must() -> None:
    """An eval partition that moves with an upgrade would leak, so these are written down."""
    keys = ("anna", "ben", "cho", "dan", "eva", "speaker-7", "LA_0079")
    assert " ".join(map(partition_of, keys)) == "train dev dev train train dev dev"


def test_speakers_and_parents_connect_through_others() -> None:
    trials = [human("a", "anna"), spoof("b", "ben", "a"), spoof("c", "ben", "x"), human("d", "dan")]
    assert group_keys(trials) == ["anna", "anna", "anna", "dan"]


def test_without_speakers_each_recording_with_its_copies_is_a_group() -> None:
    assert group_keys([human("a"), spoof("b", None, "a"), human("c")]) == ["a", "a", "c"]


@pytest.mark.parametrize("seed", range(10))
def test_a_small_corpus_still_gets_both_classes_everywhere(seed: int) -> None:
    humans = [human(f"h{n}", f"h{n}") for n in range(3)]
    spoofs = [spoof(f"s{n}", f"s{n}") for n in range(3)]
    result = draw_partitions(humans + spoofs, origin="corpus", seed=seed)
    assert len({(t.partition, t.label) for t in result}) == 6


def test_whatever_the_groups_hold_three_of_each_class_are_enough() -> None:
    kinds = [{Label.BONAFIDE}, {Label.SPOOF}, set(Label)]
    for size in range(3, 7):
        for held in itertools.combinations_with_replacement(kinds, size):
            if any(sum(label in kind for kind in held) < 3 for label in Label):
                continue
            for seed in range(6):
                trials = [
                    replace(human(f"{n}{label}", f"g{n}"), attack_id=None)
                    if label is Label.BONAFIDE
                    else spoof(f"{n}{label}", f"g{n}")
                    for n, kind in enumerate(held)
                    for label in sorted(kind)
                ]
                result = draw_partitions(trials, origin="corpus", seed=seed)
                assert len({(t.partition, t.label) for t in result}) == 6, (held, seed)


def test_too_few_speakers_are_refused_in_one_sentence() -> None:
    trials = [human("a", "anna"), human("b", "ben"), *[spoof(f"s{n}") for n in range(9)]]
    expected = r"^corpus: 2 groups of bonafide utterances .* too few for the partitions train, dev"
    with pytest.raises(InputError, match=expected):
        drawn(trials)


def test_a_share_of_nothing_leaves_a_partition_empty() -> None:
    partitions = set(drawn(population(30), train_share=0.0, dev_share=0.3).values())
    assert partitions == {Partition.DEV, Partition.EVAL}


@pytest.mark.parametrize(("train", "dev"), [(0.8, 0.2), (-0.1, 0.2), (0.5, -0.1)])
def test_shares_that_leave_nothing_for_eval_are_refused(train: float, dev: float) -> None:
    with pytest.raises(InputError, match="must leave a share for eval"):
        partition_of("anna", 1, train, dev)


def test_the_real_corpus_without_its_partitions_is_drawn_without_leaks(
    shared: Path, tmp_path: Path
) -> None:
    import csv

    with (shared / "corpus/protocol.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    with (tmp_path / "protocol.csv").open("w", newline="", encoding="utf-8") as stream:
        columns = [column for column in rows[0] if column != "partition"]
        writer = csv.DictWriter(stream, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    for name in ("bonafide", "spoof"):
        (tmp_path / name).symlink_to(shared / "corpus" / name, target_is_directory=True)
    protocol = read_protocol("antiphon", tmp_path)
    where = {trial.utterance_id: trial.partition for trial in protocol.trials}
    speakers = {(trial.speaker_id, trial.partition) for trial in protocol.trials}
    assert len(speakers) == len({speaker for speaker, _ in speakers})
    copies = [trial for trial in protocol.trials if trial.parent in where]
    assert copies
    assert all(where[str(trial.parent)] is trial.partition for trial in copies)
    assert len({(trial.partition, trial.label) for trial in protocol.trials}) == 6
