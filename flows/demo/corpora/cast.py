"""Who speaks in which part of the demo corpus. No speaker is in two partitions.

An actor may lend a voice to several characters of a game, which nobody wrote down: the characters
are the speakers here, and no character is in two partitions either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from flows.demo.corpora.find_recordings import Recording
from flows.demo.corpora.synthesisers.voices import Part
from models.errors import InputError
from models.trials import Partition


@dataclass(frozen=True)
class Group:
    """Speakers of one origin and their share of a part's human recordings."""

    speakers: tuple[str, ...]
    share: float


def _rooms(numbers: str) -> tuple[str, ...]:
    return tuple(f"fotaq_room{number}" for number in numbers.split())


# Allison Smith speaks English and Spanish.
MINOR_FISH = (
    *("fillets_neptune", "fillets_poseidon", "fillets_linuxer1", "fillets_linuxer2"),
    *("fillets_statue", "fillets_director", "fillets_parrot", "fillets_robot"),
    *("fillets_telephone", "fillets_snail", *(f"fillets_viking{n}" for n in range(1, 9))),
)
# Many voices, and none of them a large share: the gate's interval is drawn over speakers.
CAST: dict[Part, tuple[Group, ...]] = {
    Part.TRAIN: (
        Group(("allison_smith",), 0.15),
        Group(("june_wallack",), 0.12),
        Group(("fillets_big",), 0.15),
        Group(("fotaq_joe",), 0.08),
        Group(_rooms("12 10 24 33 39 53 06 28 75 80 16 18 70 31 51 04 21 60 02 38 71 76"), 0.50),
    ),
    Part.DEV: (
        Group(("carlo_flora",), 0.20),
        Group(("fillets_small",), 0.20),
        Group(_rooms("08 48 25 37 03 29 49 62 74 36"), 0.60),
    ),
    Part.EVAL: (
        Group(("ivrvoice_ru",), 0.12),
        Group(MINOR_FISH, 0.34),
        Group(_rooms("57 59 61 26 23 83 11 34 68 77 69 05 41 55"), 0.54),
    ),
    # The traffic of a normal day: further utterances of the eval speakers, and strangers.
    Part.TRAFFIC: (
        Group(("ivrvoice_ru",), 0.12),
        Group(MINOR_FISH, 0.30),
        Group(_rooms("35 09 20 67 07 13 42 64 22 27 50 79"), 0.58),
    ),
}
# Traffic that is labelled later belongs where its speakers already are.
PARTITION: dict[Part, Partition] = {
    Part.TRAIN: Partition.TRAIN,
    Part.DEV: Partition.DEV,
    Part.EVAL: Partition.EVAL,
    Part.TRAFFIC: Partition.EVAL,
}


def cast(
    recordings: Sequence[Recording], wanted: Mapping[Part, int], seed: int
) -> dict[Part, list[tuple[int, list[Recording]]]]:
    """For each part, per group, how many recordings are wanted and the candidates in order.

    Speakers take turns, and no recording is a candidate in two parts. Raises InputError where the
    recordings are too few.
    """
    by_speaker = _shuffled_by_speaker(recordings, seed)
    chosen: dict[Part, list[tuple[int, list[Recording]]]] = {}
    for part, groups in CAST.items():
        counts = shares(wanted[part], [group.share for group in groups])
        chosen[part] = [
            (count, _take_turns(by_speaker, group, count, part))
            for group, count in zip(groups, counts, strict=True)
        ]
    return chosen


def shares(total: int, weights: Sequence[float]) -> list[int]:
    """Whole numbers that add up to a total, in proportion to weights."""
    edges = [round(total * sum(weights[:n]) / sum(weights)) for n in range(len(weights) + 1)]
    return [high - low for low, high in pairwise(edges)]


def with_spares(count: int) -> int:
    """How many candidates to have for `count` usable ones: some turn out too short."""
    return count + count // 8 + 3


def _shuffled_by_speaker(recordings: Sequence[Recording], seed: int) -> dict[str, list[Recording]]:
    by_speaker: dict[str, list[Recording]] = {}
    for recording in recordings:
        by_speaker.setdefault(recording.speaker_id, []).append(recording)
    for speaker, spoken in by_speaker.items():
        Random(f"{seed} {speaker}").shuffle(spoken)
    return by_speaker


def _take_turns(
    by_speaker: dict[str, list[Recording]], group: Group, count: int, part: Part
) -> list[Recording]:
    """The next candidates of a group, removed from what is left of its speakers."""
    wanted = with_spares(count)
    chosen: list[Recording] = []
    while len(chosen) < wanted:
        before = len(chosen)
        for speaker in group.speakers:
            if by_speaker.get(speaker) and len(chosen) < wanted:
                chosen.append(by_speaker[speaker].pop())
        if len(chosen) == before:
            break
    if len(chosen) < count:
        raise InputError(
            f"demo corpus, {part}: {count} recordings of {', '.join(group.speakers[:3])} … "
            f"expected, {len(chosen)} found"
        )
    return chosen
