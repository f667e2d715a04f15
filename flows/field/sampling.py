"""What reviewers are asked about, besides what clients claim and versions disagree on.

The audit draws at random, with a known probability. What is uncertain, what drift points at and
what is new bring labels where they teach most; each has a cap for a day, so that none of them
fills the queue.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from prefect import task
from sqlalchemy import Engine

from flows.cycle import Champion
from flows.field.content import store_by_content
from flows.places import engine
from infra.review.audit_draws import draw_audit
from infra.review.intake import take_in
from infra.review.sample_states import Origin
from infra.review.sources import ask_about, recent_requests, room_of, uncertain
from infra.settings import settings
from infra.storage import open_store
from infra.tables import ScoredRequest
from models.evaluation.novelty import KNOWN, Floats, novel_groups
from models.evaluation.sketch import SKETCH_COLUMNS
from models.files.manifest import REFERENCE
from models.params.retraining import ReviewParams

log = logging.getLogger("antiphon.review")

LOOKS_BACK = timedelta(days=1)  # as the caps do
WINDOW = 1000  # requests among which new groups are looked for
SMALLEST_GROUP = 3  # fewer may be single odd calls


@dataclass(frozen=True)
class Sampled:
    """How many requests each source has put before reviewers."""

    audit: int  # drawn, with a recording or without
    drift: int
    uncertainty: int
    cluster: int


@task
def sample_traffic(
    champion: Champion | None, params: ReviewParams, exemplars: Sequence[str] = ()
) -> Sampled | None:
    """Fill the queue after a monitoring check; `exemplars` are requests that moved its drift."""
    if champion is None:
        return None
    sampled = fill_queue(engine(), champion, params, exemplars)
    store_by_content(engine(), open_store(settings()))
    if any(asdict(sampled).values()):
        log.info(
            "reviewers are asked about %d requests at random, %d of drift, %d near the threshold "
            "and %d of new groups",
            *asdict(sampled).values(),
        )
    return sampled


def fill_queue(
    database: Engine, champion: Champion, params: ReviewParams, exemplars: Sequence[str] = ()
) -> Sampled:
    """Draw the audit, ask about what teaches most, and let in what is within the caps."""
    since = datetime.now(UTC) - LOOKS_BACK
    audit = draw_audit(database, params.audit_share, params.seed, since)
    drift = ask_about(
        database, exemplars, Origin.DRIFT, room_of(database, Origin.DRIFT, params.daily_cap)
    )
    cluster = _ask_about_new_groups(database, champion, params, since)
    room = room_of(database, Origin.UNCERTAINTY, params.daily_cap)
    nearest = uncertain(database, champion.version, since, room)
    uncertainty = ask_about(database, nearest, Origin.UNCERTAINTY, room)
    take_in(database, params)
    return Sampled(audit, drift, uncertainty, cluster)


def _ask_about_new_groups(
    database: Engine, champion: Champion, params: ReviewParams, since: datetime
) -> int:
    room = room_of(database, Origin.CLUSTER, params.daily_cap)
    reference = _reference_sketches(champion)
    requests = recent_requests(database, champion.version, since, WINDOW) if room else []
    requests = [row for row in requests if len(row.embedding_sketch) == reference.shape[1]]
    if not requests:
        return 0
    window = np.array([row.embedding_sketch for row in requests], dtype=np.float64)
    flagged = 0
    for members in _groups(requests, novel_groups(reference, window)):
        name = f"{champion.version}-{members[0][:8]}"
        most = min(room - flagged, params.cluster_cap)
        flagged += ask_about(database, members, Origin.CLUSTER, most, cluster=name)
    return flagged


def _groups(requests: Sequence[ScoredRequest], labels: np.ndarray) -> list[list[str]]:
    """The requests of each group that is large enough, the largest first."""
    members: dict[int, list[str]] = {}
    for request, label in zip(requests, labels.tolist(), strict=True):
        if label != KNOWN:
            members.setdefault(label, []).append(request.request_id)
    groups = [sorted(members[label]) for label in sorted(members)]
    return [group for group in groups if len(group) >= SMALLEST_GROUP]


def _reference_sketches(champion: Champion) -> Floats:
    """Sketches (trials, 16) of the champion's reference; none where it has no reference."""
    path = champion.folder / REFERENCE
    if not path.is_file():
        return np.zeros((0, len(SKETCH_COLUMNS)))
    import pandas as pd

    sketches: Floats = pd.read_parquet(path, columns=list(SKETCH_COLUMNS)).to_numpy(np.float64)
    return sketches
