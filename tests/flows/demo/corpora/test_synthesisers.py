"""Synthesisers speak, and say the same again."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from flows.demo.corpora.sentences import CONTINUATIONS, OPENINGS, compose
from flows.demo.corpora.synthesisers import SYNTHESISERS
from flows.demo.corpora.synthesisers.copies import COPY_MAKERS
from flows.demo.corpora.synthesisers.voices import Part, Voice
from models.audio.reading import SAMPLE_RATE

TEXT = "The bridge is closed until Monday morning."
VOICES = [
    (attack_id, voices[-1])
    for attack_id, synthesiser in SYNTHESISERS.items()
    for part, voices in synthesiser.voices.items()
    if part in (Part.TRAIN, Part.EVAL)
]


@pytest.mark.parametrize(("attack_id", "voice"), VOICES)
def test_a_voice_speaks_and_repeats_itself_whatever_was_said_between(
    attack_id: str, voice: Voice
) -> None:
    speak = SYNTHESISERS[attack_id].speak
    first = speak(TEXT, voice, 1.0, 5)
    speak("Something else.", SYNTHESISERS[attack_id].voices[Part.TRAIN][0], 0.9, 6)
    assert 1.0 < len(first) / SAMPLE_RATE < 6.0
    assert 0.02 < np.abs(first).max() < 1.0  # heard, and not clipped
    np.testing.assert_array_equal(speak(TEXT, voice, 1.0, 5), first)


@pytest.mark.parametrize("attack_id", SYNTHESISERS)
def test_a_faster_pace_is_shorter(attack_id: str) -> None:
    synthesiser = SYNTHESISERS[attack_id]
    voice = synthesiser.voices[Part.TRAIN][0]
    slow, fast = (len(synthesiser.speak(TEXT, voice, pace, 5)) for pace in (0.85, 1.2))
    assert fast < 0.9 * slow


@pytest.mark.parametrize("attack_id", SYNTHESISERS)
def test_no_synthetic_speaker_is_in_two_parts(attack_id: str) -> None:
    speakers = [
        {voice.speaker for voice in voices} for voices in SYNTHESISERS[attack_id].voices.values()
    ]
    assert len(set.union(*speakers)) == sum(map(len, speakers))


def test_every_voice_has_sentences_of_its_language() -> None:
    for synthesiser in SYNTHESISERS.values():
        for voices in synthesiser.voices.values():
            assert {voice.language for voice in voices} <= set(OPENINGS) & set(CONTINUATIONS)


def test_sentences_vary_and_repeat_under_a_seed() -> None:
    sentences = [compose("en", Random(number)) for number in range(100)]
    assert len(set(sentences)) > 60
    assert sentences == [compose("en", Random(number)) for number in range(100)]
    assert all(text[0].isupper() and text.endswith(".") for text in sentences)


def test_a_world_copy_is_as_long_as_its_parent_and_not_its_parent() -> None:
    human = SYNTHESISERS["svox_pico"].speak(
        TEXT, SYNTHESISERS["svox_pico"].voices[Part.TRAIN][0], 1.0, 0
    )
    copied = COPY_MAKERS["world_copy"](human, np.random.default_rng(0))
    assert len(copied) == len(human)
    loud = [np.convolve(np.abs(speech), np.ones(320), "same") for speech in (human, copied)]
    assert np.corrcoef(loud)[0, 1] > 0.8
    assert np.corrcoef(human, copied)[0, 1] < 0.99
