"""Before new labels train: which of them are held until a person has looked again.

- trust: the label rests on reviewers who miss known answers;
- copies: the same recording has two labels, or the same recording through a codec;
- neighbours: no expert gave the label, and all nearest embeddings of other sources have another;
- tones: bona fide recordings share a standing tone that the spoofs do not have.

A held sample is accepted and stays out of the corpus `field`; `antiphon review clear` lets it in.
docs/review.md says what each check stops, and what it does not.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, select

from infra.database import reading
from infra.errors import AbsentError
from infra.field_samples import training_samples
from infra.review.consensus import consensus
from infra.review.gold import gold_answers
from infra.review.holding import hold
from infra.review.votes import votes_of
from infra.storage import ObjectStore
from infra.tables import FieldSample, LabelRevision, ScoredRequest
from models.audio.fingerprint import Words, fingerprint, overlay, same_recording, signature
from models.audio.fixed_tones import WIDTH_HZ, Lines, shared_lines, standing_lines
from models.audio.reading import AudioLimits, read_audio
from models.errors import InputError
from models.evaluation.neighbours import opposed_by_neighbours
from models.params.retraining import ReviewParams

log = logging.getLogger("antiphon.review")

LIMITS = AudioLimits(bytes=2**31, seconds=86_400.0)  # the endpoint has set its own
FEWEST_GOLD = 5  # answers to gold items before a reviewer can be mistrusted
ALIKE = 0.8  # cosine of two signatures that are worth laying over one another


@dataclass(frozen=True)
class LabelledCall:
    """A sample that may train, with what the checks look at."""

    sample: FieldSample
    request: ScoredRequest
    votes: Sequence[LabelRevision]
    is_new: bool  # in no dataset version yet, and never held

    @property
    def group(self) -> str:
        """The source, or the call alone where it names none."""
        return self.request.source or self.request.request_id


@dataclass(frozen=True)
class _Sound:
    call: LabelledCall
    words: Words
    lines: Lines


def hold_suspects(database: Engine, store: ObjectStore, params: ReviewParams) -> dict[int, str]:
    """Hold the new labels that a check objects to; sample -> reason."""
    calls = _calls(database)
    new = [call for call in calls if call.is_new]
    if not new:
        return {}
    sounds = _sounds(new, store)
    reasons = {
        **_shared_tones(sounds),
        **_against_neighbours(calls),
        **_same_recordings(calls, sounds),
        **_mistrusted(new, database, params),
    }
    for sample_id, reason in reasons.items():
        log.warning("field sample %d is held from training: %s", sample_id, reason)
    hold(database, reasons)
    return reasons


def _calls(database: Engine) -> list[LabelledCall]:
    samples = training_samples(database)
    votes = votes_of(database, [sample.id for sample in samples])
    with reading(database) as opened:
        query = select(ScoredRequest).where(
            ScoredRequest.request_id.in_([sample.request_id for sample in samples])
        )
        requests = {request.request_id: request for request in opened.scalars(query)}
    return [
        LabelledCall(
            sample=sample,
            request=requests[sample.request_id],
            votes=votes.get(sample.id, []),
            is_new=sample.dataset_revision is None and sample.held is None,
        )
        for sample in samples
    ]


def _mistrusted(
    new: Sequence[LabelledCall], database: Engine, params: ReviewParams
) -> dict[int, str]:
    """Labels that would not stand without the answers of reviewers who miss known ones."""
    poor = {
        row.reviewer: f"{row.reviewer} has answered {row.right} of {row.items} gold items right"
        for row in gold_answers(database)
        if row.items >= FEWEST_GOLD and row.right < params.trust * row.items
    }
    reasons = {}
    for call in new:
        rest = [vote for vote in call.votes if vote.reviewer not in poor]
        if len(rest) == len(call.votes) or consensus(rest, params).label == call.sample.label:
            continue
        names = [poor[vote.reviewer] for vote in call.votes if vote.reviewer in poor]
        reasons[call.sample.id] = f"the label rests on people who err: {'; '.join(names)}"
    return reasons


def _same_recordings(calls: Sequence[LabelledCall], sounds: Sequence[_Sound]) -> dict[int, str]:
    """New samples of a recording that another sample gives another label."""
    labels: dict[str, LabelledCall] = {}
    pairs: list[tuple[LabelledCall, LabelledCall]] = []
    for call in calls:
        content = call.sample.pcm_sha256 or call.request.audio_sha256
        first = labels.setdefault(content, call)
        pairs.append((first, call))
    pairs += [
        (one.call, other.call) for one, other in combinations(sounds, 2) if _alike(one, other)
    ]
    reasons = {}
    for one, other in pairs:
        if one.sample.label == other.sample.label:
            continue
        for call, twin in ((one, other), (other, one)):
            if call.is_new:
                reasons[call.sample.id] = (
                    f"field sample {twin.sample.id} is the same recording and is "
                    f"{twin.sample.label}"
                )
    return reasons


def _alike(one: _Sound, other: _Sound) -> bool:
    if one.call.sample.label == other.call.sample.label or not min(
        one.words.size, other.words.size
    ):
        return False
    if float(signature(one.words) @ signature(other.words)) < ALIKE:
        return False
    return same_recording(overlay(one.words, other.words))


def _against_neighbours(calls: Sequence[LabelledCall]) -> dict[int, str]:
    """New labels by no expert among embeddings of another label; of each version on its own."""
    reasons = {}
    for version in {call.request.model_version for call in calls}:
        peers = [
            call
            for call in calls
            if call.request.model_version == version and call.request.embedding_sketch
        ]
        if not peers:
            continue
        points: NDArray[np.float64] = np.array([call.request.embedding_sketch for call in peers])
        labels = [call.sample.label or "" for call in peers]
        opposed = opposed_by_neighbours(points, labels, [call.group for call in peers])
        for call, is_opposed in zip(peers, opposed.tolist(), strict=True):
            by_expert = any(vote.expert for vote in call.votes)
            if is_opposed and call.is_new and not by_expert:
                reasons[call.sample.id] = (
                    f"all nearest calls of other sources are not {call.sample.label}, and no "
                    "expert has judged it"
                )
    return reasons


def _shared_tones(sounds: Sequence[_Sound]) -> dict[int, str]:
    """New bona fide samples that share a standing tone: with it a spoof would pass later.

    Spoofs may share one honestly, as a synthesiser may hum.
    """
    bonafide = [sound for sound in sounds if sound.call.sample.label == "bonafide"]
    spoof = [sound.lines for sound in sounds if sound.call.sample.label == "spoof"]
    shared = shared_lines([sound.lines for sound in bonafide], spoof)
    reasons = {}
    for sound in bonafide:
        lines = np.flatnonzero(shared & sound.lines)
        if lines.size:
            reasons[sound.call.sample.id] = (
                f"new bona fide samples share a standing tone at {lines[0] * WIDTH_HZ:.0f} Hz"
            )
    return reasons


def _sounds(calls: Sequence[LabelledCall], store: ObjectStore) -> list[_Sound]:
    """The calls whose recordings can be read; the others are left out of the corpus anyway."""
    sounds = []
    for call in calls:
        try:
            waveform = _waveform(call.sample, store)
        except (AbsentError, InputError):
            continue
        sounds.append(_Sound(call, fingerprint(waveform), standing_lines(waveform)))
    return sounds


def _waveform(sample: FieldSample, store: ObjectStore) -> NDArray[np.float32]:
    if sample.audio_key is None:
        raise AbsentError(f"field sample {sample.id}: its audio was not kept")
    with tempfile.NamedTemporaryFile(suffix=Path(sample.audio_key).suffix) as recording:
        recording.write(store.get(sample.audio_key))
        recording.flush()
        return read_audio(Path(recording.name), LIMITS)
