"""The same audio twice is one object, and goes when nobody needs it."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime

import numpy as np
import soundfile
from sqlalchemy import Engine

from flows.field.content import store_by_content
from flows.field.retention import forget
from infra.database import reading, session
from infra.field_samples import erase, flag, get_sample
from infra.review.answers import Answer
from infra.storage import FolderStore
from infra.tables import ScoredRequest
from tests.infra.review_desk import SPOOF, request, say

SOUND = np.random.default_rng(1).normal(0, 3000, 8000).astype(np.int16)


def flagged(database: Engine, store: FolderStore, name: str, kind: str, divisor: int = 1) -> int:
    """A flagged call whose recording is a file of some kind."""
    stream = io.BytesIO()
    soundfile.write(stream, SOUND // divisor, 8000, "PCM_16", format=kind)
    row = request(f"{name}.{kind.lower()}", audio_key="recordings/2026-11-01")
    store.put(row.audio_key or "", stream.getvalue())
    with session(database) as opened:
        opened.add(row)
    return flag(database, row.request_id, "spoof").id


def test_the_same_samples_in_two_formats_are_one_object(
    database: Engine, store: FolderStore
) -> None:
    wav, flac = (flagged(database, store, "a", kind) for kind in ("WAV", "FLAC"))
    other = flagged(database, store, "b", "WAV", divisor=2)
    assert store_by_content(database, store) == 3
    assert store_by_content(database, store) == 0
    first, second, third = (get_sample(database, number) for number in (wav, flac, other))
    assert first.audio_key == second.audio_key != third.audio_key
    assert first.audio_key == f"pcm/{(first.pcm_sha256 or '')[:2]}/{first.pcm_sha256}.wav"
    assert store.list() == sorted([str(first.audio_key), str(third.audio_key)])
    with reading(database) as opened:
        assert opened.get_one(ScoredRequest, "a.flac").audio_key == first.audio_key

    assert erase(database, wav) is None, "the other sample needs it"
    assert erase(database, flac) == first.audio_key


def test_what_cannot_be_decoded_or_is_gone_stays_under_its_key(
    database: Engine, store: FolderStore
) -> None:
    noise, gone = (flagged(database, store, name, "WAV") for name in ("noise", "gone"))
    store.put(get_sample(database, noise).audio_key or "", b"no audio")
    store.delete(get_sample(database, gone).audio_key or "")
    assert store_by_content(database, store) == 0
    assert (get_sample(database, noise).audio_key or "").startswith("recordings/")


def test_retention_forgets_what_no_sample_needs(database: Engine, store: FolderStore) -> None:
    needed, rejected = (
        flagged(database, store, name, "WAV", divisor) for name, divisor in (("a", 1), ("b", 2))
    )
    store_by_content(database, store)
    say(database, needed, "ann", SPOOF)
    say(database, rejected, "ann", Answer("unusable"))
    assert forget(database, store, datetime.now(UTC).date(), 30) == 0
    assert forget(database, store, date(2999, 1, 1), 30) == 1
    assert store.list() == [get_sample(database, needed).audio_key]
    assert get_sample(database, rejected).audio_key is None
