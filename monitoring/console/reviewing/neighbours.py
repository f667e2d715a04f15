"""The nearest reviewed recordings of each class, for a comparison by ear.

Near is what the detector embeds near: the distance of the sketches in the score log. Sketches of
two versions are not comparable, so that only recordings which the same version scored count. Gold
items are left out, because whoever heard one as an example would know its answer later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from infra.database import reading
from infra.field_samples import LABELS, SampleState, UnknownSampleError, Use
from infra.tables import FieldSample, ScoredRequest
from monitoring.console.keeping import kept
from monitoring.console.visit import Visit

KEPT_S = 30.0  # a label of a minute ago may be a neighbour


@dataclass(frozen=True)
class Reviewed:
    """The reviewed recordings that one version scored."""

    ids: NDArray[np.int64]  # (n,) of samples
    is_spoof: NDArray[np.bool_]  # (n,)
    sketches: NDArray[np.float64]  # (n, 16)


def neighbours_of(visit: Visit, sample_id: int) -> dict[str, Any]:
    """The nearest recording of each label, or a sentence that says why there is none."""
    query = (
        select(ScoredRequest.model_version, ScoredRequest.embedding_sketch)
        .join(FieldSample, FieldSample.request_id == ScoredRequest.request_id)
        .where(FieldSample.id == sample_id)
    )
    with reading(visit.engine) as transaction:
        row = transaction.execute(query).first()
    if row is None:
        raise UnknownSampleError(f"no field sample with the id {sample_id}")
    version, sketch = row
    reviewed = kept(
        visit.desk, ("reviewed", version), KEPT_S, lambda: _read_reviewed(visit, version)
    )
    return {
        label: _nearest(reviewed, np.asarray(sketch), sample_id, label, version) for label in LABELS
    }


def _nearest(
    reviewed: Reviewed, sketch: NDArray[np.float64], sample_id: int, label: str, version: int
) -> dict[str, Any]:
    others = (reviewed.ids != sample_id) & (reviewed.is_spoof == (label == "spoof"))
    if not others.any():
        name = "bona fide" if label == "bonafide" else label
        return {"sentence": f"no {name} recording that version {version} scored is reviewed yet"}
    distances = np.linalg.norm(reviewed.sketches[others] - sketch, axis=1)
    nearest = int(distances.argmin())
    number = int(reviewed.ids[others][nearest])
    return {
        "sample_id": number,
        "distance": float(distances[nearest]),
        "media": f"/media/sample/{number}",
    }


def _read_reviewed(visit: Visit, version: int) -> Reviewed:
    query = (
        select(FieldSample.id, FieldSample.label, ScoredRequest.embedding_sketch)
        .join(ScoredRequest, ScoredRequest.request_id == FieldSample.request_id)
        .where(FieldSample.state == SampleState.ACCEPTED, FieldSample.use != Use.GOLD)
        .where(FieldSample.audio_key.is_not(None), ScoredRequest.model_version == version)
    )
    with reading(visit.engine) as transaction:
        rows = transaction.execute(query).all()
    size = len(rows[0][2]) if rows else 0
    return Reviewed(
        ids=np.array([row[0] for row in rows], dtype=np.int64),
        is_spoof=np.array([row[1] == "spoof" for row in rows], dtype=bool),
        sketches=np.array([row[2] for row in rows], dtype=np.float64).reshape(len(rows), size),
    )
