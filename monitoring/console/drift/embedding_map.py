"""A map of embeddings: the reference of the champion and its last answers, on two axes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, select

from infra import registry
from infra.database import reading
from infra.model_versions import ModelVersion, version_folder
from infra.settings import Settings
from infra.tables import ScoredRequest
from models.errors import InputError
from models.evaluation.sketch import SKETCH_COLUMNS
from monitoring.reference import read_reference

MOST_ANSWERS = 400
MOST_REFERENCE = 800
GROUPS = 6
ROUNDS = 20  # of k-means

Points = NDArray[np.float64]


@dataclass(frozen=True)
class EmbeddedAnswer:
    """One answered request on the map."""

    request_id: str
    scored_at: datetime
    cm_score: float
    verdict: str
    source: str | None
    has_audio: bool
    sketch: list[float]


def map_of(engine: Engine, here: Settings, version: ModelVersion) -> dict[str, Any]:
    """Coordinates of reference and answers, and groups of answers, as a document for the page.

    Raises InputError where the champion has no usable reference.
    """
    answers = last_answers(engine, version.version)
    reference = _reference(here, version)
    sketches = np.array([answer.sketch for answer in answers], dtype=np.float64).reshape(
        len(answers), len(SKETCH_COLUMNS)
    )  # (answers, 16)
    at_reference, at_answers = project(reference, sketches)
    distances = nearest_distance(sketches, reference)
    groups = group(at_answers)
    return {
        "version": version.version,
        "reference": at_reference.round(4).tolist(),
        "answers": [
            {
                "id": answer.request_id,
                "x": round(float(x), 4),
                "y": round(float(y), 4),
                "score": round(answer.cm_score, 4),
                "verdict": answer.verdict,
                "source": answer.source or "",
                "at": f"{answer.scored_at:%Y-%m-%d %H:%M}",
                "audio": answer.has_audio,
                "far": round(float(distance), 3),
                "group": int(number),
            }
            for answer, (x, y), distance, number in zip(
                answers, at_answers, distances, groups, strict=True
            )
        ],
    }


def last_answers(engine: Engine, version: int) -> list[EmbeddedAnswer]:
    """The last answers of a version that have a sketch, newest first."""
    columns = (
        ScoredRequest.request_id,
        ScoredRequest.scored_at,
        ScoredRequest.cm_score,
        ScoredRequest.verdict,
        ScoredRequest.source,
        ScoredRequest.audio_key,
        ScoredRequest.embedding_sketch,
    )
    rows = select(*columns).where(ScoredRequest.model_version == version)
    with reading(engine) as transaction:
        last = transaction.execute(
            rows.order_by(ScoredRequest.scored_at.desc()).limit(MOST_ANSWERS)
        ).all()
    return [
        EmbeddedAnswer(
            row.request_id,
            row.scored_at,
            row.cm_score,
            row.verdict,
            row.source,
            row.audio_key is not None,
            row.embedding_sketch,
        )
        for row in last
        if len(row.embedding_sketch) == len(SKETCH_COLUMNS)
    ]


def project(reference: Points, answers: Points) -> tuple[Points, Points]:
    """Both on the two principal axes of both together (n, 2), each side weighing the same."""
    spread = reference.std(axis=0)
    spread[spread == 0] = 1.0
    middle = reference.mean(axis=0)
    sides = [(side - middle) / spread for side in (reference, answers)]
    scatter = sum(
        (side - side.mean(axis=0)).T @ (side - side.mean(axis=0)) / len(side)
        for side in sides
        if len(side) > 1
    )
    shift = sides[1].mean(axis=0) if len(sides[1]) else np.zeros(reference.shape[1])
    _, axes = np.linalg.eigh(np.asarray(scatter) + np.outer(shift, shift))
    first = axes[:, ::-1][:, :2]  # (16, 2)
    return sides[0] @ first, sides[1] @ first


def nearest_distance(answers: Points, reference: Points) -> NDArray[np.float64]:
    """From each answer (n,) to the nearest trial of the reference, in its spreads a dimension."""
    spread = reference.std(axis=0)
    spread[spread == 0] = 1.0
    a, r = answers / spread, reference / spread
    squares = (a**2).sum(axis=1)[:, None] + (r**2).sum(axis=1)[None] - 2 * a @ r.T
    nearest = np.sqrt(np.maximum(squares, 0.0).min(axis=1)) if len(a) else np.zeros(0)
    return np.asarray(nearest / np.sqrt(reference.shape[1]))


def group(points: Points, most: int = GROUPS) -> NDArray[np.int64]:
    """The group (n,) of each point by k-means; the first centres are far apart, none is drawn."""
    if len(points) == 0:
        return np.zeros(0, dtype=np.int64)
    centres = points[:1]
    while len(centres) < min(most, len(points)):
        distances = ((points[:, None] - centres[None]) ** 2).sum(axis=2).min(axis=1)
        centres = np.vstack([centres, points[distances.argmax()]])
    numbers = np.zeros(len(points), dtype=np.int64)
    for _ in range(ROUNDS):
        numbers = ((points[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
        centres = np.stack(
            [
                points[numbers == k].mean(axis=0) if (numbers == k).any() else centres[k]
                for k in range(len(centres))
            ]
        )
    return numbers


def _reference(here: Settings, version: ModelVersion) -> Points:
    """The sketches (n, 16) of the trials that the champion was judged on, evenly thinned out."""
    folder = registry.fetch(version.version, version_folder(here, version))
    frame = read_reference(folder)
    if not set(SKETCH_COLUMNS) <= set(frame):
        raise InputError(f"version {version.version}: its reference has no embeddings")
    sketches = frame[list(SKETCH_COLUMNS)].to_numpy(np.float64)
    return np.asarray(sketches[:: max(1, -(-len(sketches) // MOST_REFERENCE))])
