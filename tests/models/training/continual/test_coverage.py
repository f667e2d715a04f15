from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from models.data.clips import Clips
from models.training.continual.coverage import cover
from models.trials import Trial


def clips_of(*kinds: tuple[str | None, str, str, int]) -> Clips:
    """`count` clips for each (attack, speaker, codec, count)."""
    trials = [
        Trial(f"{attack}-{speaker}-{codec}-{i}", Path("x"), attack, speaker_id=speaker, codec=codec)
        for attack, speaker, codec, count in kinds
        for i in range(count)
    ]
    return Clips.from_arrays(trials, [np.full(4, 0.1, np.float32)] * len(trials))


MIXED = clips_of(
    (None, "anna", "pcm", 40), (None, "ben", "pcm", 5), ("A1", "anna", "pcm", 50),
    ("A1", "ben", "pcm", 10), ("A1", "ben", "mp3", 3), ("A2", "carl", "pcm", 2),
)  # fmt: skip


def counted(clips: Clips, chosen: np.ndarray, column: str) -> Counter[str | None]:
    return Counter(getattr(clips.trials[index], column) for index in chosen)


def test_classes_then_attacks_then_speakers_then_codecs_take_turns() -> None:
    chosen = cover(MIXED, 16, seed=1)
    assert counted(MIXED, chosen, "attack_id") == {None: 8, "A1": 6, "A2": 2}
    fakes = [index for index in chosen if MIXED.attack_ids[index] == "A1"]
    assert counted(MIXED, fakes, "speaker_id") == {"anna": 3, "ben": 3}
    ben = [index for index in fakes if MIXED.trials[index].speaker_id == "ben"]
    assert set(counted(MIXED, ben, "codec").values()) == {1, 2}


def test_a_kind_with_few_clips_gives_all_it_has_and_nothing_twice() -> None:
    chosen = cover(MIXED, 1000, seed=1)
    assert sorted(chosen) == list(range(len(MIXED)))


def test_a_larger_memory_contains_the_smaller() -> None:
    assert cover(MIXED, 30, seed=1)[:11].tolist() == cover(MIXED, 11, seed=1).tolist()


def test_the_choice_depends_on_clips_and_seed_and_not_on_their_order() -> None:
    turned = MIXED.take(range(len(MIXED) - 1, -1, -1))
    here = [MIXED.utterance_ids[index] for index in cover(MIXED, 12, seed=1)]
    assert [turned.utterance_ids[index] for index in cover(turned, 12, seed=1)] == here
    assert [MIXED.utterance_ids[index] for index in cover(MIXED, 12, seed=2)] != here


def test_real_attacks_are_covered_evenly(shared: Path) -> None:
    from models.data.protocols.reading import read_protocol
    from models.trials import Partition

    protocol = read_protocol(
        "antiphon", shared / "corpus", partition_seed=1, train_share=0.6, dev_share=0.2
    )
    trials = protocol.partition(Partition.TRAIN)
    clips = Clips.from_arrays(trials, [np.full(4, 0.1, np.float32)] * len(trials))
    counts = counted(clips, cover(clips, 180, seed=1), "attack_id")
    assert counts.pop(None) == 90
    assert len(counts) == 9
    assert set(counts.values()) == {10}
