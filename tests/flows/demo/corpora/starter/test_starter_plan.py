"""Who is in which partition, and what synthetic voices say."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from flows.demo.corpora.find_recordings import Recording
from flows.demo.corpora.starter.more_sentences import CONTINUATIONS, compose_near
from flows.demo.corpora.starter.parts import SOURCES_APART, part_of
from flows.demo.corpora.starter.plan import (
    PARTS,
    Donor,
    StarterSize,
    copy_step,
    donors_of,
    human_steps,
    spoken_step,
)
from flows.demo.corpora.starter.voices import VOICES
from flows.demo.corpora.synthesisers.voices import Part

SIZE = StarterSize(4, {Part.TRAIN: 6, Part.DEV: 3, Part.EVAL: 3})
SPEAKERS = {
    "asterisk_en": ("en", ["allison_smith"]),
    "asterisk_es": ("es", ["allison_smith"]),
    "asterisk_it": ("it", ["carlo_flora"]),
    "asterisk_ru": ("ru", ["ivrvoice_ru"]),
    "fotaq": ("en", ["fotaq_joe", "fotaq_room69", "fotaq_room26", "fotaq_room77"]),
}
RECORDINGS = [
    Recording(f"{source}-{speaker}-{n}", Path(f"{n}"), speaker, language, source, "g722", "GPL-2")
    for source, (language, speakers) in SPEAKERS.items()
    for speaker in speakers
    for n in range(12)
]


def donors(part: Part) -> list[Donor]:
    steps = human_steps(RECORDINGS, SIZE, 1)
    seconds = {order.utterance_id: 2.0 for step in steps for order in step.orders}
    return list(donors_of(steps, seconds, part))


def test_no_speaker_is_in_two_partitions() -> None:
    partitions_of = defaultdict(set)
    for step in human_steps(RECORDINGS, SIZE, 1):
        for order in step.orders:
            partitions_of[order.speaker_id].add(order.partition)
    assert set(partitions_of) == {
        speaker for _, speakers in SPEAKERS.values() for speaker in speakers
    }
    assert all(len(partitions) == 1 for partitions in partitions_of.values())


def test_dev_and_eval_have_sources_and_voices_that_train_lacks() -> None:
    assert {Part.DEV, Part.EVAL} == set(SOURCES_APART.values())
    for parts in VOICES.values():
        train = {voice.speaker for voice in parts[Part.TRAIN]}
        others = {voice.speaker for part in (Part.DEV, Part.EVAL) for voice in parts[part]}
        assert not train & others


def test_a_source_gives_no_more_than_its_share_and_speakers_take_turns() -> None:
    many = [
        replace(
            RECORDINGS[0], recording_id=f"{speaker}-{n}", speaker_id=speaker, source="fillets_cs"
        )
        for speaker, count in (("fillets_big", 500), ("fillets_snail", 3))
        for n in range(count)
    ]
    (step,) = human_steps(many, StarterSize(100, SIZE.attack), 1)
    assert step.wanted == 100
    assert len(step.orders) < 150  # some are spare
    assert Counter(order.speaker_id for order in step.orders[:6])["fillets_snail"] >= 2


@pytest.mark.parametrize("part", PARTS)
def test_a_copy_has_a_parent_in_its_own_partition(part: Part) -> None:
    people = {donor.order.utterance_id: donor.order for donor in donors(part)}
    step = copy_step("world_copy", part, donors(part), SIZE, 1)
    assert step.wanted == SIZE.attack[part]
    for order in step.orders:
        parent = people[order.parent]
        assert order.attack_id == "world_copy"
        assert order.utterance_id != order.parent
        assert (order.partition, order.speaker_id, order.source, order.recording) == (
            parent.partition, parent.speaker_id, parent.source, parent.recording,
        )  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_voices_speak_the_language_of_the_recording_whose_channel_they_borrow(part: Part) -> None:
    languages = {(d.order.source, d.order.recording): d.order.language for d in donors(part)}
    step = spoken_step("espeak_ng", part, donors(part), SIZE, 1, None)
    assert len(step.orders) >= SIZE.attack[part]
    for order in step.orders:
        assert order.language == languages[order.source, order.recording]


def test_a_synthesiser_without_the_language_of_any_donor_borrows_from_others() -> None:
    spanish = [donor for donor in donors(Part.TRAIN) if donor.order.language == "es"]
    step = spoken_step("flite_cg", Part.TRAIN, spanish, SIZE, 1, Path("/home"))
    assert {order.language for order in step.orders} == {"en"}
    assert {order.source for order in step.orders} == {"asterisk_es"}
    assert {order.voice.home for order in step.orders if order.voice} == {Path("/home")}


def test_every_voice_has_texts_in_its_language() -> None:
    for parts in VOICES.values():
        for voices in parts.values():
            assert {voice.language for voice in voices} <= set(CONTINUATIONS)


@pytest.mark.parametrize("language", CONTINUATIONS)
def test_texts_are_as_long_as_the_time_that_they_are_to_take(language: str) -> None:
    for seconds in (0.8, 2.0, 6.0):
        texts = [compose_near(language, seconds, Random(number)) for number in range(40)]
        mean = sum(map(len, texts)) / len(texts)
        assert abs(mean - 15.5 * seconds) < 4.0 + 0.1 * 15.5 * seconds
        assert len(set(texts)) > 10


def test_the_same_seed_plans_the_same() -> None:
    assert human_steps(RECORDINGS, SIZE, 1) == human_steps(RECORDINGS, SIZE, 1)
    first = spoken_step("espeak_ng", Part.DEV, donors(Part.DEV), SIZE, 1, None)
    assert first == spoken_step("espeak_ng", Part.DEV, donors(Part.DEV), SIZE, 1, None)
    assert first != spoken_step("espeak_ng", Part.DEV, donors(Part.DEV), SIZE, 2, None)


def test_every_recording_has_a_part() -> None:
    assert {part_of(recording) for recording in RECORDINGS} == set(PARTS)
