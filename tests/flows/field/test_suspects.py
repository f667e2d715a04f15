"""What people who want to harm the next detector can do, and what stops them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from sqlalchemy import Engine

from flows.field.suspects import hold_suspects
from infra.database import open_database, session
from infra.field_samples import SampleState, flag, get_sample, list_samples, new_labels
from infra.review.answers import Answer
from infra.review.gold import make_gold
from infra.review.holding import clear_sample
from infra.review.intake import take_in
from infra.storage import FolderStore
from infra.tables import ScoredRequest
from models.params.retraining import ReviewParams
from tests.infra.review_desk import register_people, say

RATE = 16_000
PARAMS = ReviewParams(source_cap=20)
SPOOF, BONAFIDE = Answer("spoof"), Answer("bonafide")


@dataclass
class Line:
    """A telephone line whose calls are recorded, scored and flagged."""

    database: Engine
    store: FolderStore
    calls: int = 0

    def call(
        self,
        tone_hz: float | None = None,
        source: str | None = None,
        sketch: float = 0.0,
        voice: int | None = None,
        mulaw: bool = False,
    ) -> int:
        """A flagged call of a second; the id of its sample."""
        self.calls += 1
        name = f"call-{self.calls}"
        stream = io.BytesIO()
        waveform = sound(self.calls if voice is None else voice, tone_hz)
        soundfile.write(stream, waveform, RATE, "ULAW" if mulaw else "PCM_16", format="WAV")
        self.store.put(f"recordings/{name}.wav", stream.getvalue())
        rng = np.random.default_rng(self.calls)
        with session(self.database) as transaction:
            transaction.add(
                ScoredRequest(
                    request_id=name, scored_at=datetime.now(UTC), model_version=1, cm_score=0.0,
                    spoof_probability=0.5, verdict="bonafide", threshold=0.0, duration_s=1.5,
                    windows=1, features={}, audio_key=f"recordings/{name}.wav", source=source,
                    embedding_sketch=(sketch + rng.normal(0, 0.1, 16)).tolist(),
                    audio_sha256=f"{voice} {mulaw}" if voice is not None else name,
                )
            )  # fmt: skip
        return flag(self.database, name, "bonafide").id

    def labelled(self, answer: Answer, *reviewers: str, **call: object) -> int:
        """A call that reviewers have answered for."""
        sample = self.call(**call)  # type: ignore[arg-type]
        for reviewer in reviewers:
            say(self.database, sample, reviewer, answer)
        return sample

    def held(self) -> dict[int, str]:
        """What a cycle would hold."""
        return hold_suspects(self.database, self.store, PARAMS)


def sound(seed: int, tone_hz: float | None) -> NDArray[np.float32]:
    """Noise whose bands rise and fall, with a tone 20 dB below it or without."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(1.5 * RATE)) / RATE
    waveform = rng.normal(0, 0.1, time.size) * (1.2 + np.sin(2 * np.pi * rng.uniform(2, 6) * time))
    if tone_hz is not None:
        waveform += 0.015 * np.sin(2 * np.pi * tone_hz * time)
    return np.asarray(waveform, dtype=np.float32)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """A line whose reviewers are Ann, Bo, Cy and the expert Eva."""
    database = open_database(f"sqlite:///{tmp_path}/antiphon.db")
    register_people(database)
    yield Line(database, FolderStore(tmp_path / "objects"))
    database.dispose()


def test_a_client_that_floods_claims_reaches_reviewers_as_often_as_any(line: Line) -> None:
    for _ in range(30):
        line.call(source="flooder")
    honest = line.call(source="hotline")
    take_in(line.database, PARAMS)
    waiting = list_samples(line.database, SampleState.QUARANTINED)
    assert len(waiting) == 20 + 1 and honest in {sample.id for sample in waiting}
    assert new_labels(line.database) == [], "no claim is a label"


def test_a_tone_hidden_in_true_bona_fide_calls_is_held(line: Line) -> None:
    clean = [line.labelled(BONAFIDE, "eva") for _ in range(8)]
    poisoned = [line.labelled(BONAFIDE, "eva", tone_hz=3125.0) for _ in range(4)]
    reasons = line.held()
    assert sorted(reasons) == poisoned
    assert "share a standing tone at 3125 Hz" in reasons[poisoned[0]]
    assert [sample.id for sample in new_labels(line.database)] == clean


def test_a_tone_that_spoofs_have_too_teaches_nothing_wrong(line: Line) -> None:
    for answer in (BONAFIDE, SPOOF):
        for _ in range(4):
            line.labelled(answer, "eva", tone_hz=3125.0)
    assert line.held() == {}


def test_a_bought_reviewer_is_measured_and_his_labels_are_held(line: Line) -> None:
    gold = [line.labelled(SPOOF, "eva") for _ in range(5)]
    for sample in gold:
        make_gold(line.database, sample)
        say(line.database, sample, "bo", BONAFIDE)
    alone = line.labelled(BONAFIDE, "bo")
    assert get_sample(line.database, alone).state == SampleState.IN_REVIEW, "one word is not enough"
    with_a_careless_one = line.labelled(BONAFIDE, "bo", "cy")
    outvoted = line.labelled(SPOOF, "eva")
    reasons = line.held()
    assert list(reasons) == [with_a_careless_one] and outvoted not in reasons
    assert "bo has answered 0 of 5 gold items right" in reasons[with_a_careless_one]


def test_who_answers_gold_well_and_lies_elsewhere_with_a_second_is_not_stopped(line: Line) -> None:
    for sample in [line.labelled(SPOOF, "eva") for _ in range(5)]:
        make_gold(line.database, sample)
        say(line.database, sample, "bo", SPOOF)
    line.labelled(BONAFIDE, "bo", "cy")
    assert line.held() == {}, "docs/review.md says so"


@pytest.mark.parametrize("mulaw", [False, True])
def test_one_recording_with_two_labels_is_held_also_through_a_codec(
    line: Line, mulaw: bool
) -> None:
    pair = [
        line.labelled(BONAFIDE, "eva", voice=7),
        line.labelled(SPOOF, "eva", voice=7, mulaw=mulaw),
    ]
    line.labelled(SPOOF, "eva", voice=8)
    reasons = line.held()
    assert sorted(reasons) == pair
    assert reasons[pair[0]] == f"field sample {pair[1]} is the same recording and is spoof"


def test_a_label_against_its_neighbours_needs_an_expert(line: Line) -> None:
    for number in range(6):
        line.labelled(SPOOF, "eva", source=f"s{number}", sketch=0.0)
        line.labelled(BONAFIDE, "eva", source=f"s{number}", sketch=9.0)
    doubtful = line.labelled(BONAFIDE, "ann", "bo", source="x", sketch=0.0)
    line.labelled(BONAFIDE, "eva", source="y", sketch=0.0)
    assert list(line.held()) == [doubtful]
    clear_sample(line.database, doubtful)
    assert doubtful in {sample.id for sample in new_labels(line.database)}
    assert line.held() == {}, "what a person has cleared is not held again"
