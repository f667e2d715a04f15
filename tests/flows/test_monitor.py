"""Looks at real traffic tables: what is drift asks for one cycle, and for no second one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from infra import field_samples, ledger, registry, tracking
from infra.database import open_database, session
from infra.settings import settings
from infra.tables import ScoredRequest
from models.audio.acoustics import ACOUSTICS
from models.evaluation.reference import write_reference
from models.evaluation.sketch import SKETCH_COLUMNS, SKETCH_SIZE
from models.files.manifest import REFERENCE, Manifest, write_manifest

# what importing Evidently 0.7.23 with numpy 2.4 warns of, in its own code
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:numpy.core is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::litestar.exceptions.LitestarDeprecationWarning"),
]
WINDOW, ENOUGH_LABELS = 60, 3


@dataclass(frozen=True)
class Watch:
    """A champion, its reference, and the tables that its traffic fills."""

    database: Engine
    reference: pd.DataFrame
    version: int

    def hear(self, count: int, shift: float = 0.0) -> list[str]:
        """Traffic drawn from the reference, all of it moved by so many standard deviations."""
        drawn = self.reference.sample(count, random_state=count, replace=True)
        moved = drawn + shift * self.reference.std()
        began = datetime.now(UTC) - timedelta(seconds=1)
        requests = [
            self._request(row, began + timedelta(microseconds=i))
            for i, row in enumerate(moved.to_dict("records"))
        ]
        ids = [request.request_id for request in requests]
        with session(self.database) as opened:
            opened.add_all(requests)
        return ids

    def _request(self, row: dict[str, float], at: datetime) -> ScoredRequest:
        return ScoredRequest(
            request_id=str(uuid.uuid4()), scored_at=at, model_version=self.version,
            cm_score=row["cm_score"], spoof_probability=0.5, verdict="bonafide", threshold=0.0,
            duration_s=1.0, windows=1, audio_sha256="0" * 64, audio_key="audio/kept.wav",
            features={name: row[name] for name in ACOUSTICS},
            embedding_sketch=[row[name] for name in SKETCH_COLUMNS],
        )  # fmt: skip

    def look(self) -> Any:
        """One run of the flow."""
        from flows.monitor import monitoring_check

        return monitoring_check()

    def waiting(self) -> list[str]:
        """What asks for a cycle."""
        return [request.trigger for request in ledger.waiting_requests(self.database)]


@pytest.fixture
def watch(
    prefect_server: None,  # noqa: ARG001
    mlflow_state: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Watch]:
    params = mlflow_state / "params.yaml"
    params.write_text(
        f"drift: {{window: {WINDOW}}}\nretraining: {{min_new_labels: {ENOUGH_LABELS}}}\n"
        "review: {audit_share: 0.0}\n"  # what is drawn from random ids never trains
    )
    monkeypatch.setenv("ANTIPHON_PARAMS_FILE", str(params))
    folder = mlflow_state / "detector"
    folder.mkdir()
    rng = np.random.default_rng(7)
    features = [
        dict(zip(ACOUSTICS, row, strict=True)) for row in rng.normal(size=(300, len(ACOUSTICS)))
    ]
    sketches = rng.normal(size=(300, SKETCH_SIZE)).tolist()
    write_reference(folder / REFERENCE, rng.normal(size=300), features, sketches)
    write_manifest(folder, Manifest("aasist"))
    version = registry.register(folder, tracking.open_run("first", "first", {}), {}).version
    registry.set_champion(version, expected=None)
    database = open_database(settings().database_url)
    yield Watch(database, pd.read_parquet(folder / REFERENCE), version)
    database.dispose()


def test_traffic_like_the_reference_asks_for_nothing(watch: Watch) -> None:
    watch.hear(WINDOW)
    result = watch.look()
    assert (result.status, result.requested, watch.waiting()) == ("ok", None, [])
    (check,) = ledger.recent_drift_checks(watch.database)
    assert (check.status, check.model_version, check.cycle_request_id) == ("ok", 1, None)
    assert check.report == result.report
    assert list((settings().state_dir / "evidently").rglob("*.json"))


def label(watch: Watch, request_id: str) -> None:
    """Flag a call and accept it as a spoof."""
    sample = field_samples.flag(watch.database, request_id, "spoof")
    field_samples.start_review(watch.database, sample.id, "berta")
    field_samples.accept(watch.database, sample.id, "berta", "spoof")


def test_drift_without_labels_asks_people_once_and_turns_no_cycle(watch: Watch) -> None:
    calls = watch.hear(WINDOW, shift=1.5)
    field_samples.flag(watch.database, calls[0], "spoof")
    first, second = watch.look(), watch.look()
    assert (first.status, first.requested, watch.waiting()) == ("drift", None, [])
    assert first.note.startswith(
        "labels are wanted: traffic has drifted and no new label was accepted; "
        "1 flagged calls wait for review (`antiphon review list`)"
    )
    assert "is not acted on before" in second.note
    (entry,) = ledger.recent_cycles(watch.database)
    assert (entry.outcome, entry.summary["reason"]) == ("labels wanted", first.note)
    later, earlier = ledger.recent_drift_checks(watch.database)
    assert (earlier.cycle_request_id, later.cycle_request_id) == (1, None)

    for request_id in calls[1 : 1 + ENOUGH_LABELS]:  # the answer to what was wanted
        label(watch, request_id)
    third = watch.look()
    assert third.status == "drift" and "3 new labels were accepted" in third.requested
    assert watch.waiting() == ["labels"]  # a fast cycle takes them


def test_drift_asks_for_one_cycle_and_not_again_while_it_waits(watch: Watch) -> None:
    label(watch, watch.hear(WINDOW, shift=1.5)[0])
    first, second = watch.look(), watch.look()
    assert (first.status, second.status) == ("drift", "drift")
    assert "cm_score is 1." in first.requested
    assert second.requested is None
    assert watch.waiting() == ["drift"]
    later, earlier = ledger.recent_drift_checks(watch.database)
    assert (earlier.cycle_request_id, later.cycle_request_id) == (1, None)


def test_traffic_that_led_to_a_cycle_is_not_held_against_the_champion_twice(watch: Watch) -> None:
    label(watch, watch.hear(WINDOW, shift=1.5)[0])
    watch.look()
    cycle = ledger.claim_cycle(watch.database, lease_s=300)
    assert cycle is not None
    ledger.finish(watch.database, cycle, "rejected", {"reason": "no better"})
    assert (watch.look().status, watch.waiting()) == ("insufficient", [])


def test_a_window_that_is_not_full_says_nothing(watch: Watch) -> None:
    watch.hear(WINDOW - 1, shift=3.0)
    assert (watch.look().status, watch.waiting()) == ("insufficient", [])


def test_enough_new_labels_ask_for_a_cycle_without_drift(watch: Watch) -> None:
    for number, request_id in enumerate(watch.hear(ENOUGH_LABELS), start=1):
        assert watch.look().requested is None
        label(watch, request_id)
        assert len(field_samples.new_labels(watch.database)) == number
    assert watch.look().requested == "3 new labels were accepted, 3 are enough"
    assert watch.look().requested is None
    assert watch.waiting() == ["labels"]


def test_without_a_champion_nothing_is_compared(watch: Watch) -> None:
    from infra.mlflow_client import connect

    watch.hear(WINDOW, shift=3.0)
    here = settings()
    connect(here).delete_registered_model_alias(here.registered_model, registry.CHAMPION)
    assert watch.look().status == "no champion"
    assert ledger.recent_drift_checks(watch.database) == []
