"""What fills the queue of reviewers, and what the audit says of live traffic."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine

from flows.cycle import Champion
from flows.field.sampling import Sampled, fill_queue
from infra.database import session
from infra.field_samples import SampleState, list_samples
from infra.tables import ScoredRequest
from models.audio.acoustics import ACOUSTICS
from models.evaluation.novelty import novel_groups
from models.evaluation.reference import write_reference
from models.evaluation.sketch import SKETCH_SIZE
from models.files.manifest import REFERENCE
from models.params.retraining import ReviewParams
from monitoring.audit_report import audit_reports
from tests.infra.review_desk import BONAFIDE, SPOOF, say

QUIET = ReviewParams(audit_share=0.0, daily_cap=5, cluster_cap=4)


@pytest.fixture
def champion(tmp_path: Path) -> Champion:
    """Version 3, whose reference is a cloud around 0."""
    rng = np.random.default_rng(1)
    features = [dict.fromkeys(ACOUSTICS, 0.0)] * 200
    sketches = rng.normal(size=(200, SKETCH_SIZE)).tolist()
    write_reference(tmp_path / REFERENCE, rng.normal(size=200), features, sketches)
    return Champion(3, tmp_path)


def answer(
    database: Engine, name: str, score: float, sketch: float = 0.0, source: str | None = None
) -> None:
    """A recorded answer of version 3, with a threshold of 0."""
    rng = np.random.default_rng(len(name))
    with session(database) as transaction:
        transaction.add(
            ScoredRequest(
                request_id=name, scored_at=datetime.now(UTC), model_version=3, cm_score=score,
                spoof_probability=0.5, verdict="bonafide" if score >= 0 else "spoof",
                threshold=0.0, duration_s=2.0, windows=1, features={}, audio_sha256=name,
                embedding_sketch=(sketch + 0.1 * rng.normal(size=SKETCH_SIZE)).tolist(),
                audio_key=f"recordings/{name}.wav", source=source,
            )
        )  # fmt: skip


def test_what_is_doubtful_comes_first_and_one_busy_line_does_not_fill_the_queue(
    database: Engine, champion: Champion
) -> None:
    for number in range(8):
        answer(database, f"busy-{number}", 0.01 * number, source="busy")
        answer(database, f"other-{number}", 1.0 + number, source=f"other {number}")
    assert fill_queue(database, champion, QUIET) == Sampled(0, 0, 5, 0)
    first = [sample.request_id for sample in list_samples(database, SampleState.QUARANTINED)]
    assert first == ["busy-0", "other-0", "other-1", "other-2", "other-3"]
    assert fill_queue(database, champion, QUIET).uncertainty == 0, "enough for a day"


def test_exemplars_of_drift_and_new_groups_are_asked_about_within_their_caps(
    database: Engine, champion: Champion
) -> None:
    for number in range(6):
        answer(database, f"new-{number}", 9.0, sketch=8.0)
        answer(database, f"known-{number}", 9.0)
    answer(database, "odd", 9.0, sketch=-20.0)
    sampled = fill_queue(database, champion, QUIET, exemplars=["odd", "gone", "known-1"])
    assert (sampled.drift, sampled.cluster, sampled.uncertainty) == (2, 4, 5)
    samples = list_samples(database)
    assert Counter(sample.origin for sample in samples) == {
        "drift": 2, "cluster": 4, "uncertainty": 5,
    }  # fmt: skip
    assert {sample.cluster for sample in samples if sample.origin == "cluster"} == {"3-new-0"}


def test_groups_are_what_the_reference_lacks() -> None:
    rng = np.random.default_rng(2)
    reference = rng.normal(size=(300, 4))
    window = np.concatenate(
        [rng.normal(size=(20, 4)), 15 + 0.1 * rng.normal(size=(3, 4)),
         -15 + 0.1 * rng.normal(size=(6, 4))]
    )  # fmt: skip
    groups = novel_groups(reference, window)
    assert groups[20:].tolist() == [1] * 3 + [0] * 6, "the largest is 0"
    assert (groups[:20] == -1).mean() > 0.8
    assert novel_groups(reference[:0], window).tolist() == [-1] * 29


def test_the_audit_gives_live_rates_and_says_what_they_leave_out(
    database: Engine, champion: Champion
) -> None:
    params = ReviewParams(audit_share=1.0, daily_cap=0)
    for number in range(10):
        answer(database, f"call-{number}", -1.0 if number < 3 else 1.0)
    assert fill_queue(database, champion, params).audit == 10
    for sample in list_samples(database)[:8]:
        is_spoof = sample.request_id in ("call-0", "call-1", "call-9")
        say(database, sample.id, "ann", SPOOF if is_spoof else BONAFIDE)
    (report,) = audit_reports(database)
    assert (report.version, report.drawn, report.labelled, report.waiting) == (3, 10, 8, 2)
    assert report.rates.miss is not None and report.rates.eer is not None
    assert report.rates.miss.value == pytest.approx(1 / 6), "call-2 is refused"
    assert report.sentence.startswith("8 of 10 drawn calls are labelled, 2 wait")
