"""Scored requests with recordings, as an endpoint leaves them behind."""

from __future__ import annotations

import hashlib
import io
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import soundfile
from numpy.typing import NDArray
from sqlalchemy import insert

from flows.places import engine
from infra.database import session
from infra.settings import settings
from infra.storage import open_store
from infra.tables import FieldSample, ScoredRequest

START = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
RATE = 16_000


def tone(hertz: float, seconds: float = 1.5, channels: int = 1) -> bytes:
    """A WAV file of a tone that swells and fades, an octave higher in each further channel."""
    time = np.arange(round(seconds * RATE)) / RATE
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * time / seconds)
    sound = [np.sin(2 * np.pi * hertz * 2**channel * time) for channel in range(channels)]
    return wave(np.stack(sound, axis=1) * (0.4 * swell)[:, None])


def wave(frames: NDArray[np.float64], rate: int = RATE) -> bytes:
    """A 16-bit WAV file of frames (n, channels)."""
    stream = io.BytesIO()
    soundfile.write(stream, frames, rate, format="WAV")
    return stream.getvalue()


def keep(
    recordings: Sequence[bytes], *, flagged: bool = True, suffix: str = ".wav", **columns: object
) -> list[str]:
    """Store recordings with their rows in the score log, and flag them; ids of the requests."""
    store, rows = open_store(settings()), []
    for number, recording in enumerate(recordings):
        request_id = str(uuid.uuid4())
        key = f"recordings/2026-11-01/{request_id}{suffix}"
        store.put(key, recording)
        rows.append(row_of(request_id, recording, key, number) | columns)
    with session(engine()) as opened:
        opened.execute(insert(ScoredRequest), rows)
        if flagged:
            opened.execute(insert(FieldSample), [_flag(row) for row in rows])
    return [row["request_id"] for row in rows]


def row_of(request_id: str, recording: bytes, key: str | None, number: int) -> dict[str, object]:
    """A row of the score log."""
    draw = np.random.default_rng(number)
    score = float(draw.normal())
    with io.BytesIO(recording) as stream:
        try:
            seconds = float(soundfile.info(stream).duration)
        except soundfile.LibsndfileError:
            seconds = 1.0
    starts = [0.25 * window for window in range(max(1, round((seconds - 0.5) / 0.25) + 1))]
    return {
        "request_id": request_id,
        "scored_at": START + timedelta(minutes=number),
        "model_version": 1,
        "cm_score": score,
        "spoof_probability": 1 / (1 + np.exp(score)),
        "verdict": "bonafide" if score >= 0 else "spoof",
        "threshold": 0.0,
        "duration_s": seconds,
        "windows": len(starts),
        "features": {},
        "embedding_sketch": draw.normal(size=16).tolist(),
        "audio_sha256": hashlib.sha256(recording).hexdigest(),
        "audio_key": key,
        "source": f"line-{number % 7}",
        "speaker_id": None,
        "window_scores": {
            "window_s": 0.5,
            "starts_s": starts,
            "cm_scores": (score + draw.normal(size=len(starts))).round(3).tolist(),
        },
    }


def _flag(row: dict[str, object]) -> dict[str, object]:
    return {
        "request_id": row["request_id"],
        "state": "flagged",
        "flagged_at": row["scored_at"],
        "claimed_label": "spoof",
        "audio_key": row["audio_key"],
    }
