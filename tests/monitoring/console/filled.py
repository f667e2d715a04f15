"""A platform with a past: two champions, a verdict, drift checks, traffic with recordings."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import soundfile

from flows import audit_trail
from flows.evidence.keeping import keep_evidence
from flows.places import engine
from infra import ledger, registry, tracking
from infra.database import session
from infra.ledger import write_drift_check
from infra.settings import settings
from infra.storage import open_store
from infra.tables import DriftCheck, ScoredRequest
from models.audio.acoustics import ACOUSTICS
from models.evaluation.reference import write_reference
from models.files.manifest import REFERENCE, read_manifest, write_manifest
from tests.conftest import WINDOW
from tests.flows.evidence.examples import case_of, evidence_of, scores, verdict_of

NOW = datetime.now(UTC)
ANSWERS = 40
SIGNALS = ("cm_score", "embedding_distance", "level_dbfs")


@dataclass(frozen=True)
class Filled:
    """What a test needs to know of it."""

    evidence: str
    requests: list[str]


def fill(make_detector: Callable[..., Path], folder: Path) -> Filled:
    """Fill the state folder of the settings."""
    rng = np.random.default_rng(16)
    runs = [tracking.open_run(f"cycle-{number}", f"cycle {number}", {}) for number in (1, 2)]
    for number, run in enumerate(runs, 1):
        detector = make_detector(folder / str(number), float(number), WINDOW)
        acoustics = [dict.fromkeys(ACOUSTICS, 0.5)] * 60
        write_reference(
            detector / REFERENCE, rng.normal(size=60), acoustics, rng.normal(size=(60, 16)).tolist()
        )
        write_manifest(detector, read_manifest(detector))
        version = registry.register(detector, run, {"dataset": "d" * 40})
        audit_trail.registered(version, detector, "cycle x")
        registry.set_champion(number, expected=number - 1 or None)
        audit_trail.promoted(number, number - 1 or None, "cycle x")
    evidence = _keep_verdict(runs[1])
    _check(rng)
    return Filled(evidence, _answer(rng))


def _keep_verdict(run: str) -> str:
    """A cycle that ended with a verdict, and its evidence."""
    kept = keep_evidence(
        replace(case_of(), run_id=run), evidence_of(scores(2.5, 1), scores(2.0, 2)), verdict_of()
    )
    assert kept is not None
    ledger.request_cycle(engine(), "manual", "by hand")
    cycle = ledger.claim_cycle(engine(), lease_s=300)
    assert cycle is not None
    summary = {"reason": verdict_of().reason, "run_id": run, "verdict": verdict_of().to_json()}
    ledger.finish(engine(), cycle, "rejected", summary)
    return kept.name


def _check(rng: np.random.Generator) -> None:
    for hours in range(12, 0, -1):
        moved = hours < 4
        columns = {
            name: {
                "kind": "score",
                "distance": float(rng.uniform(0.1, 0.4)) + moved,
                "threshold": 0.5,
                "moved": moved,
            }
            for name in SIGNALS
        }
        report = {
            "status": "drift" if moved else "ok",
            "rows": 200,
            "window": 200,
            "reasons": ["cm_score is 1.20 standard deviations from the reference"] if moved else [],
            "columns": columns,
            "snapshot": "5" * 32,
        }
        at = NOW - timedelta(hours=hours)
        check = DriftCheck(
            checked_at=at, model_version=2, status=str(report["status"]), report=report
        )
        write_drift_check(engine(), check)


def _answer(rng: np.random.Generator) -> list[str]:
    stream = io.BytesIO()
    soundfile.write(stream, rng.normal(size=8_000) * 0.05, 16_000, format="FLAC")
    open_store(settings()).put("recordings/a.flac", stream.getvalue())
    ids = [f"request-{number:02d}" for number in range(ANSWERS)]
    with session(engine()) as transaction:
        for number, request_id in enumerate(ids):
            sketch = rng.normal(4.0 if number % 4 == 0 else 0.0, 1.0, 16)
            row = ScoredRequest(
                request_id=request_id, scored_at=NOW - timedelta(minutes=number), model_version=2,
                cm_score=float(rng.normal()), spoof_probability=0.5,
                verdict="spoof" if number % 4 == 0 else "bonafide", threshold=0.1, duration_s=0.5,
                windows=1, features={}, embedding_sketch=sketch.tolist(), audio_sha256="a" * 64,
                audio_key="recordings/a.flac", source="hotline", speaker_id=None,
            )  # fmt: skip
            transaction.add(row)
    return ids
