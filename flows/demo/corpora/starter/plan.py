"""Which utterances the starter corpus gets: people, copies of them, and synthetic voices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

from flows.demo.corpora.cast import with_spares
from flows.demo.corpora.demo import ONE_SEED, PACE, Choice
from flows.demo.corpora.find_recordings import Recording
from flows.demo.corpora.orders import Order, human_order
from flows.demo.corpora.starter.more_sentences import compose_near
from flows.demo.corpora.starter.parts import PARTITIONS, part_of
from flows.demo.corpora.starter.voices import VOICES
from flows.demo.corpora.synthesisers import ALL_SYNTHESISERS
from flows.demo.corpora.synthesisers.voices import Part, Voice

PARTS = (Part.TRAIN, Part.DEV, Part.EVAL)


@dataclass(frozen=True)
class StarterSize:
    """How many utterances at most: of a source in a part, and of an attack in each part."""

    source: int
    attack: Mapping[Part, int]


STARTER_SIZES: dict[str, StarterSize] = {
    "full": StarterSize(150, {Part.TRAIN: 140, Part.DEV: 35, Part.EVAL: 50}),
    "small": StarterSize(25, {Part.TRAIN: 24, Part.DEV: 8, Part.EVAL: 10}),
}


def describe(size: StarterSize) -> dict[str, Any]:
    """A size as JSON holds it."""
    attack = {str(part): count for part, count in size.attack.items()}
    return {"source": size.source, "attack": attack}


@dataclass(frozen=True, slots=True)
class Donor:
    """A human utterance of the corpus, to be copied, or to lend its channel."""

    order: Order
    seconds: float


@dataclass(frozen=True)
class Step:
    """Orders of one kind, made together; the first `wanted` that succeed enter the corpus."""

    name: str
    orders: tuple[Order, ...]
    wanted: int


def human_steps(recordings: Sequence[Recording], size: StarterSize, seed: int) -> list[Step]:
    """For each source and part, as many candidates as may be needed, speakers in turn."""
    groups: dict[tuple[str, Part], list[Recording]] = {}
    for recording in recordings:
        groups.setdefault((recording.source, part_of(recording)), []).append(recording)
    steps = []
    for (source, part), spoken in groups.items():
        candidates = _speakers_in_turn(spoken, seed)[: with_spares(size.source) + size.source // 8]
        orders = tuple(human_order(recording, PARTITIONS[part]) for recording in candidates)
        steps.append(Step(f"human-{source}-{part}", orders, size.source))
    return steps


def _speakers_in_turn(recordings: Sequence[Recording], seed: int) -> list[Recording]:
    by_speaker: dict[str, list[Recording]] = {}
    for recording in recordings:
        by_speaker.setdefault(recording.speaker_id, []).append(recording)
    turns: list[tuple[float, Recording]] = []
    for speaker, spoken in by_speaker.items():
        draw = Random(f"{seed} {spoken[0].source} {speaker}")
        draw.shuffle(spoken)
        turns += [(place + draw.random(), one) for place, one in enumerate(spoken)]
    return [recording for _, recording in sorted(turns, key=lambda turn: turn[0])]


def copy_step(
    attack_id: str, part: Part, donors: Sequence[Donor], size: StarterSize, seed: int
) -> Step:
    """Copies of human utterances that are in the corpus themselves, each beside its parent."""
    wanted = min(size.attack[part], len(donors))
    draw = Random(f"{seed} {attack_id} {part}")
    parents = draw.sample(list(donors), min(len(donors), with_spares(wanted)))
    orders = tuple(
        replace(
            parent.order,
            utterance_id=f"{attack_id}-{parent.order.utterance_id.removeprefix('bonafide-')}",
            attack_id=attack_id,
            parent=parent.order.utterance_id,
            seed=draw.randrange(ONE_SEED),
        )
        for parent in parents
    )
    return Step(f"{attack_id}-{part}", orders, wanted)


def spoken_step(
    attack_id: str,
    part: Part,
    donors: Sequence[Donor],
    size: StarterSize,
    seed: int,
    home: Path | None,
) -> Step:
    """Texts in a donor's language, about as long as it, over the donor's channel.

    Where a synthesiser does not speak the language of any donor, the donors are of others.
    """
    draw = Random(f"{seed} {attack_id} {part}")
    wanted = size.attack[part]
    voices = VOICES[attack_id][part]
    by_language = {
        voice.language: [v for v in voices if v.language == voice.language] for voice in voices
    }
    fitting = [donor for donor in donors if donor.order.language in by_language]
    lenders = _shuffled(fitting or donors, draw)
    turns = {language: cycle(_shuffled(own, draw)) for language, own in by_language.items()}
    anyone = cycle(_shuffled(voices, draw))
    orders = []
    for number in range(with_spares(wanted)):
        donor = lenders[number % len(lenders)]
        voice = next(turns.get(donor.order.language, anyone))
        orders.append(_spoken(attack_id, number, part, replace(voice, home=home), donor, draw))
    return Step(f"{attack_id}-{part}", tuple(orders), wanted)


def _shuffled(choices: Sequence[Choice], draw: Random) -> list[Choice]:
    return draw.sample(list(choices), len(choices))


def _spoken(
    attack_id: str, number: int, part: Part, voice: Voice, donor: Donor, draw: Random
) -> Order:
    pace = round(draw.uniform(*PACE), 3)
    return replace(
        donor.order,
        utterance_id=f"{attack_id}-{part}-{number:04d}",
        attack_id=attack_id,
        speaker_id=f"{attack_id}:{voice.speaker}",
        language=voice.language,
        licence=ALL_SYNTHESISERS[attack_id].licence,
        text=compose_near(voice.language, donor.seconds * pace, draw),
        voice=voice,
        pace=pace,
        seed=draw.randrange(ONE_SEED),
    )


def donors_of(steps: Sequence[Step], seconds: Mapping[str, float], part: Part) -> Iterator[Donor]:
    """The human utterances of a part that entered the corpus, with their lengths in seconds."""
    for step in steps:
        for order in step.orders:
            if order.partition is PARTITIONS[part] and order.utterance_id in seconds:
                yield Donor(order, seconds[order.utterance_id])
