"""How long a recording is kept: with a real database and a real store."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from flows.field import retention
from flows.field.retention import expired, forget, heard_on
from infra import field_samples
from infra.database import reading, session
from infra.errors import UnreachableError
from infra.review.intake import take_in
from infra.storage import FolderStore
from infra.tables import ScoredRequest
from models.params.retraining import ReviewParams

TODAY = date(2026, 11, 21)
DAYS = 30


def hear(
    database: Engine, store: FolderStore, request_id: str, days_ago: int, *, with_audio: bool = True
) -> str:
    """An answered request; its recording's key, whether it was kept or not."""
    day = TODAY - timedelta(days=days_ago)
    key = f"recordings/{day.isoformat()}/{request_id}.wav"
    row = ScoredRequest(
        request_id=request_id, scored_at=datetime(day.year, day.month, day.day, 23, tzinfo=UTC),
        model_version=1, cm_score=0.0, spoof_probability=0.5, verdict="bonafide", threshold=0.0,
        duration_s=1.0, windows=1, features={}, embedding_sketch=[], audio_sha256="0" * 64,
        audio_key=key if with_audio else None,
    )  # fmt: skip
    with session(database) as opened:
        opened.add(row)
    if with_audio:
        store.put(key, b"audio")
    return key


def key_of(database: Engine, request_id: str) -> str | None:
    with reading(database) as opened:
        row = opened.get(ScoredRequest, request_id)
        assert row is not None
        return row.audio_key


def test_a_recording_is_kept_for_the_days_that_were_promised() -> None:
    days = {f"recordings/{n}": TODAY - timedelta(days=n) for n in (0, 29, 30, 31, 400)}
    assert expired(days, set(), TODAY, DAYS) == ["recordings/31", "recordings/400"]
    assert expired(days, {"recordings/400"}, TODAY, DAYS) == ["recordings/31"]
    assert "recordings/0" not in expired(days, set(), TODAY, 0)


def test_only_keys_whose_day_is_known_are_judged() -> None:
    keys = [
        "recordings/2026-01-02/a.wav",
        "recordings/2026-01-02/b",
        "recordings/yesterday/c.wav",
        "recordings/2026-01-02/deeper/d.wav",
        "flagged/e.wav",
        "flagged/f.wav",
        "other/2026-01-02/g.wav",
    ]
    assert heard_on(keys, {"e": date(2026, 1, 3)}) == {
        "recordings/2026-01-02/a.wav": date(2026, 1, 2),
        "recordings/2026-01-02/b": date(2026, 1, 2),
        "flagged/e.wav": date(2026, 1, 3),
    }


def test_old_recordings_go_from_store_and_tables(database: Engine, store: FolderStore) -> None:
    hear(database, store, "old", 31)
    young = hear(database, store, "young", 30)
    store.put("recordings/2026-01-01/nobody.wav", b"left by a run that was cut off")
    store.put("elsewhere/2026-01-01/other.wav", b"not ours")
    assert forget(database, store, TODAY, DAYS) == 2
    assert store.list() == ["elsewhere/2026-01-01/other.wav", young]
    assert key_of(database, "old") is None
    assert key_of(database, "young") == young
    assert forget(database, store, TODAY, DAYS) == 0


@pytest.mark.parametrize("state", field_samples.SampleState)
def test_what_a_reviewer_or_a_dataset_needs_is_spared(
    state: field_samples.SampleState, database: Engine, store: FolderStore
) -> None:
    key = hear(database, store, "claimed", 90)
    sample = field_samples.flag(database, "claimed", "spoof", "A1").id
    if state == "quarantined":
        take_in(database, ReviewParams())
    if state in {"in review", "accepted", "rejected"}:
        field_samples.start_review(database, sample, "ann")
    if state == "accepted":
        field_samples.accept(database, sample, "ann", "spoof", "A1")
    if state == "rejected":
        field_samples.reject(database, sample, "ann")
    if state == "erased":
        field_samples.erase(database, sample)
    spared = state in {"flagged", "quarantined", "in review", "accepted"}
    assert forget(database, store, TODAY, DAYS) == (0 if spared else 1)
    assert store.exists(key) is spared
    expected = key if spared else None
    assert key_of(database, "claimed") == expected
    assert field_samples.get_sample(database, sample).audio_key == expected


def test_audio_sent_with_a_claim_goes_once_the_claim_is_rejected(
    database: Engine, store: FolderStore
) -> None:
    for request_id, days_ago in (("old", 31), ("young", 3)):
        hear(database, store, request_id, days_ago, with_audio=False)
        store.put(f"flagged/{request_id}.wav", b"audio")
        flagged = field_samples.flag(
            database, request_id, "bonafide", audio_key=f"flagged/{request_id}.wav"
        )
        field_samples.start_review(database, flagged.id, "ann")
    assert forget(database, store, TODAY, DAYS) == 0
    for sample in field_samples.list_samples(database):
        field_samples.reject(database, sample.id, "ann")
    assert forget(database, store, TODAY, DAYS) == 1
    assert store.list() == ["flagged/young.wav"]
    keys = [sample.audio_key for sample in field_samples.list_samples(database)]
    assert keys == [None, "flagged/young.wav"]


def test_many_recordings_are_forgotten_in_batches(
    database: Engine, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 3)
    for number in range(8):
        hear(database, store, f"request-{number}", 40)
    assert forget(database, store, TODAY, DAYS) == 8
    assert {key_of(database, f"request-{number}") for number in range(8)} == {None}


def test_an_outage_leaves_it_to_the_next_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "state"
    state.write_text("a file where the folder should be")
    monkeypatch.setenv("ANTIPHON_STATE_DIR", str(state))
    with pytest.raises(UnreachableError):
        retention.engine()
    assert retention.forget_old_recordings.fn() == 0
    assert "old recordings stay until the next check" in caplog.text
