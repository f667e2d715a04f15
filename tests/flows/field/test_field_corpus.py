"""Accepted field samples become a corpus that the next cycle can read."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sqlalchemy import Engine

from flows.field.field_corpus import WORTH_A_WARNING, put_field_samples
from infra import field_samples
from infra.database import open_database, session
from infra.datasets.registry import DatasetRegistry
from infra.field_samples import LEFT_OUT
from infra.settings import Settings
from infra.storage import FolderStore
from infra.tables import ScoredRequest
from models.audio.reading import read_audio
from models.data.protocols.reading import read_protocol
from models.params.data import DataParams
from models.trials import Partition, Trial

PARAMS = DataParams()


@dataclass(frozen=True)
class Desk:
    """What field samples pass through."""

    database: Engine
    store: FolderStore
    registry: DatasetRegistry

    def hear(self, pitch: float, at: datetime | None = None, **request: str) -> str:
        """Keep the audio of an answered request; returns the request's id."""
        time = np.arange(9_600) / 16_000
        stream = io.BytesIO()
        soundfile.write(stream, 0.2 * np.sin(2 * np.pi * pitch * time), 16_000, format="WAV")
        audio = stream.getvalue()
        digest = hashlib.sha256(audio).hexdigest()
        number = len(self.store.list())
        request_id, key = f"request-{number}", f"audio/{number}.wav"
        self.store.put(key, audio)
        row = ScoredRequest(
            request_id=request_id, scored_at=at or datetime.now(UTC), model_version=1, cm_score=0.0,
            spoof_probability=0.5, verdict="bonafide", threshold=0.0, duration_s=0.6, windows=1,
            features={}, embedding_sketch=[], audio_sha256=digest, audio_key=key, **request,
        )  # fmt: skip
        with session(self.database) as opened:
            opened.add(row)
        return request_id

    def accept(self, request_id: str, label: str, attack_id: str | None = None) -> int:
        """Flag and review a request; returns the number of the field sample."""
        sample = field_samples.flag(self.database, request_id, label, attack_id)
        field_samples.start_review(self.database, sample.id, "berta")
        field_samples.accept(self.database, sample.id, "berta", label, attack_id)
        return sample.id

    def put(self) -> str:
        """The dataset version with all accepted samples."""
        return put_field_samples(self.database, self.store, self.registry, PARAMS)

    def trials(self) -> dict[str, Trial]:
        """The corpus as a cycle reads it."""
        out = self.registry.root.with_name("exported")
        self.registry.export("HEAD", out)
        protocol = read_protocol("antiphon", out / "field")
        return {trial.utterance_id: trial for trial in protocol.trials}


@pytest.fixture(scope="module")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset registry without corpora, made once because git and DVC take seconds."""
    here = Settings(state_dir=tmp_path_factory.mktemp("registry"))
    return DatasetRegistry.of(here).root


@pytest.fixture
def desk(tmp_path: Path, empty_registry: Path) -> Iterator[Desk]:
    here = Settings(state_dir=tmp_path / "state")
    shutil.copytree(empty_registry, here.state_dir / "datasets")
    database = open_database(here.database_url)
    store = FolderStore(Path(here.object_store))
    yield Desk(database, store, DatasetRegistry.of(here))
    database.dispose()


@pytest.fixture
def speakers() -> Callable[[Partition], str]:
    """Names of speakers who belong to a partition."""
    from models.data.protocols.partitions import partition_of

    def name(partition: Partition) -> str:
        return next(n for n in map(str, range(999)) if partition_of(n) is partition)

    return name


def test_accepted_samples_become_a_corpus_with_their_labels_and_their_audio(desk: Desk) -> None:
    human = desk.accept(desk.hear(200, speaker_id="anna", source="hotline"), "bonafide")
    named = desk.accept(desk.hear(300), "spoof", "cloned-voice")
    unnamed = desk.accept(desk.hear(400), "spoof")
    revision = desk.put()

    trials = desk.trials()
    assert {name: trial.attack_id for name, trial in trials.items()} == {
        f"field-{human}": None,
        f"field-{named}": "cloned-voice",
        f"field-{unnamed}": "unknown",
    }
    anna = trials[f"field-{human}"]
    assert (anna.speaker_id, anna.source) == ("anna", "hotline")
    assert anna.extra["reviewer"] == "berta"
    spectrum = np.fft.rfft(read_audio(trials[f"field-{named}"].path))
    assert np.argmax(np.abs(spectrum)) * 16_000 / 9_600 == pytest.approx(300, abs=2)
    assert desk.registry.head() == revision
    assert desk.put() == revision, "nothing new is the same version"
    assert {s.dataset_revision for s in field_samples.list_samples(desk.database)} == {revision}


def test_a_sample_that_is_left_out_is_not_recorded_as_learnt(desk: Desk) -> None:
    lost, broken, kept = (desk.accept(desk.hear(pitch), "bonafide") for pitch in (200, 300, 400))
    recordings = {s.id: (s.audio_key or "") for s in field_samples.list_samples(desk.database)}
    wav = desk.store.get(recordings[lost])
    desk.store.delete(recordings[lost])
    desk.store.put(recordings[broken], b"no audio")
    revision = desk.put()
    assert list(desk.trials()) == [f"field-{kept}"]
    recorded = {s.id: s.dataset_revision for s in field_samples.list_samples(desk.database)}
    assert recorded == {lost: LEFT_OUT, broken: LEFT_OUT, kept: revision}
    assert field_samples.new_labels(desk.database) == [], "they ask for no other cycle"

    desk.store.put(recordings[lost], wav)
    later = desk.put()
    assert set(desk.trials()) == {f"field-{lost}", f"field-{kept}"}
    recorded = {s.id: s.dataset_revision for s in field_samples.list_samples(desk.database)}
    assert recorded == {lost: later, broken: LEFT_OUT, kept: revision}


def test_where_every_sample_is_left_out_none_is_recorded_as_learnt(desk: Desk) -> None:
    only = desk.accept(desk.hear(200), "spoof")
    desk.store.delete(field_samples.get_sample(desk.database, only).audio_key or "")
    before = desk.registry.head()
    assert desk.put() == before
    assert field_samples.get_sample(desk.database, only).dataset_revision == LEFT_OUT
    assert field_samples.new_labels(desk.database) == []


def test_of_one_recording_the_first_sample_that_can_be_read_is_taken(desk: Desk) -> None:
    first, second = (desk.accept(desk.hear(200), "spoof") for _ in range(2))
    desk.store.delete(field_samples.get_sample(desk.database, first).audio_key or "")
    revision = desk.put()
    assert list(desk.trials()) == [f"field-{second}"]
    recorded = {s.dataset_revision for s in field_samples.list_samples(desk.database)}
    assert recorded == {revision}, "the recording is learnt"


def test_what_nobody_accepted_is_in_no_dataset(desk: Desk) -> None:
    before = desk.registry.head()
    flagged = field_samples.flag(desk.database, desk.hear(200), "spoof")
    rejected = field_samples.flag(desk.database, desk.hear(300), "spoof")
    field_samples.start_review(desk.database, rejected.id, "berta")
    field_samples.reject(desk.database, rejected.id, "berta")
    assert desk.put() == before
    assert desk.registry.corpora() == ()
    assert field_samples.get_sample(desk.database, flagged.id).dataset_revision is None


def test_the_same_recording_accepted_twice_is_one_utterance(desk: Desk) -> None:
    first = desk.accept(desk.hear(200), "spoof", "tts")
    second = desk.accept(desk.hear(200), "spoof", "tts")
    revision = desk.put()
    assert list(desk.trials()) == [f"field-{first}"]
    assert field_samples.get_sample(desk.database, second).dataset_revision == revision
    assert field_samples.new_labels(desk.database) == []


def test_a_partition_stays_as_the_corpus_grows(
    desk: Desk, speakers: Callable[[Partition], str]
) -> None:
    placed = {
        desk.accept(desk.hear(200 + 50 * n, speaker_id=speakers(p)), "bonafide"): p
        for n, p in enumerate(Partition)
    }
    alone = desk.accept(desk.hear(500), "spoof", "tts")
    hour = datetime(2026, 3, 1, 9, tzinfo=UTC)
    calls = [
        desk.accept(desk.hear(700 + n, hour + n * timedelta(minutes=10), source="line"), "bonafide")
        for n in range(5)
    ]
    first = desk.put()
    before = {name: trial.partition for name, trial in desk.trials().items()}
    assert {before[f"field-{number}"] for number in placed} == set(Partition)
    assert all(before[f"field-{number}"] is p for number, p in placed.items())
    assert before[f"field-{alone}"] is not None
    assert len({before[f"field-{call}"] for call in calls}) == 1, (
        "an hour of a source stays together"
    )

    again = desk.accept(desk.hear(600, speaker_id=speakers(Partition.EVAL)), "spoof", "tts")
    second = desk.put()
    after = {name: trial.partition for name, trial in desk.trials().items()}
    assert after.pop(f"field-{again}") is Partition.EVAL  # its speaker is there already
    assert after == before
    assert second != first
    recorded = {s.id: s.dataset_revision for s in field_samples.list_samples(desk.database)}
    assert recorded == {**dict.fromkeys([*placed, alone, *calls], first), again: second}


def test_the_calls_of_one_line_reach_every_partition_in_time(desk: Desk) -> None:
    start = datetime(2026, 3, 1, 9, tzinfo=UTC)
    for day in range(20):
        call = desk.hear(300 + day, start + timedelta(days=day), source="hotline")
        desk.accept(call, "bonafide")
    desk.put()
    assert {trial.partition for trial in desk.trials().values()} == set(Partition)


def test_a_line_of_which_nothing_is_judged_is_named(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(WORTH_A_WARNING):
        call = desk.hear(
            300 + number, datetime(2026, 3, 1, 9, number, tzinfo=UTC), source="hotline"
        )
        desk.accept(call, "bonafide")
        desk.accept(desk.hear(600 + number), "spoof")
    desk.put()
    place = next(t.partition for t in desk.trials().values() if t.source == "hotline")
    others = " or ".join(p for p in Partition if p is not place)
    assert [m for m in caplog.messages if m.startswith("field samples")] == [
        f"field samples of source 'hotline': none of {WORTH_A_WARNING} is in {others}; a client "
        "that sends speaker_id spreads them over the partitions"
    ]


def test_a_corpus_of_one_speaker_is_told_to_need_more(
    desk: Desk, caplog: pytest.LogCaptureFixture, speakers: Callable[[Partition], str]
) -> None:
    for number in range(WORTH_A_WARNING):
        call = desk.hear(300 + number, source="hotline", speaker_id=speakers(Partition.DEV))
        desk.accept(call, "bonafide")
    desk.put()
    assert [m for m in caplog.messages if m.startswith("field samples")] == [
        f"field samples: none of {WORTH_A_WARNING} is in train or eval; more speakers and sources "
        "will fill it"
    ]
