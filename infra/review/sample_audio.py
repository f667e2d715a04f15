"""Recordings that several field samples share, because they hold the same audio."""

from __future__ import annotations

from sqlalchemy import Engine, select

from infra.database import reading
from infra.tables import FieldSample


def is_shared(engine: Engine, pcm_sha256: str | None) -> bool:
    """Whether a sample has audio of these decoded samples; never where they are not known."""
    query = select(FieldSample.id).where(FieldSample.pcm_sha256 == pcm_sha256)
    query = query.where(FieldSample.audio_key.is_not(None)).limit(1)
    if not pcm_sha256:
        return False
    with reading(engine) as transaction:
        return transaction.execute(query).first() is not None
