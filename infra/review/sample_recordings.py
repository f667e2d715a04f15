"""Which recording a field sample is about."""

from __future__ import annotations

from sqlalchemy import Engine

from infra.database import reading
from infra.field_samples import get_sample
from infra.tables import ScoredRequest


def audio_hash(engine: Engine, sample_id: int) -> str:
    """SHA-256 of the recording of a sample, as it was sent; raises UnknownSampleError."""
    sample = get_sample(engine, sample_id)
    with reading(engine) as transaction:
        return transaction.get_one(ScoredRequest, sample.request_id).audio_sha256
