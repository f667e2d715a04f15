"""The window of the score log and the reference it is compared with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from infra import field_samples
from infra.tables import ScoredRequest, Table
from models.audio.acoustics import describe
from models.errors import InputError
from models.evaluation.reference import REFERENCE_COLUMNS, write_reference
from models.evaluation.sketch import SKETCH_SIZE
from monitoring.reference import read_reference
from monitoring.score_window import WINDOW_COLUMNS, read_window

START = datetime(2026, 11, 1, tzinfo=UTC)
FEATURES = describe(np.sin(np.arange(16_000, dtype=np.float32)))


def _request(minute: int, version: int, features: dict[str, float]) -> ScoredRequest:
    return ScoredRequest(
        request_id=f"{version}-{minute:03d}",
        scored_at=START + timedelta(minutes=minute),
        model_version=version,
        cm_score=float(minute),
        spoof_probability=0.4,
        verdict="bonafide",
        threshold=0.0,
        duration_s=2.0,
        windows=1,
        features=features,
        embedding_sketch=[0.5] * SKETCH_SIZE if features else [],
        audio_sha256="0" * 64,
    )


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Thirty minutes of version 1, written out of order, and the first answers of version 2."""
    engine = create_engine(f"sqlite:///{tmp_path / 'antiphon.db'}")
    Table.metadata.create_all(engine)
    with Session(engine) as session, session.begin():
        session.add_all(_request(minute, 1, FEATURES) for minute in reversed(range(30)))
        session.add_all(_request(minute, 2, {}) for minute in range(30, 33))
    yield engine
    engine.dispose()


def test_the_window_is_the_last_requests_of_one_version_oldest_first(engine: Engine) -> None:
    window = read_window(engine, model_version=1, rows=5)

    assert window["cm_score"].tolist() == [25.0, 26.0, 27.0, 28.0, 29.0]
    assert tuple(window.columns) == WINDOW_COLUMNS
    assert window["level_dbfs"].tolist() == [FEATURES["level_dbfs"]] * 5
    assert window["e07"].tolist() == [0.5] * 5


def test_requests_have_the_label_of_their_reviewer_where_it_was_accepted(engine: Engine) -> None:
    for minute, judgement in ((28, "spoof"), (29, "unsure")):
        sample = field_samples.flag(engine, f"1-{minute:03d}", "spoof", audio_key="a.wav")
        field_samples.start_review(engine, sample.id, "berta")
        field_samples.judge(engine, sample.id, "berta", judgement)

    window = read_window(engine, model_version=1, rows=3)

    assert window["label"].fillna("none").tolist() == ["none", "spoof", "none"]
    assert window["request_id"].tolist() == ["1-027", "1-028", "1-029"]


def test_traffic_from_before_the_last_cycle_is_not_looked_at_again(engine: Engine) -> None:
    window = read_window(engine, 1, rows=100, after=START + timedelta(minutes=27))

    assert window["cm_score"].tolist() == [28.0, 29.0]


def test_rows_without_features_have_missing_values(engine: Engine) -> None:
    window = read_window(engine, 2, rows=100)

    assert len(window) == 3
    assert window["snr_db"].isna().all() and window["e00"].isna().all()


def test_a_version_without_traffic_has_an_empty_window(engine: Engine) -> None:
    window = read_window(engine, 9, rows=100)

    assert window.empty and tuple(window.columns) == WINDOW_COLUMNS


def test_the_reference_of_a_detector_folder_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_reference(
        tmp_path / "reference.parquet", [1.5, -2.0], [FEATURES] * 2, [[0.1] * SKETCH_SIZE] * 2
    )

    frame = read_reference(tmp_path)

    assert frame["cm_score"].tolist() == [1.5, -2.0]
    assert tuple(frame.columns) == REFERENCE_COLUMNS


def test_a_folder_without_a_reference_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"reference.parquet is missing"):
        read_reference(tmp_path)


def test_a_damaged_reference_is_refused(tmp_path: Path) -> None:
    (tmp_path / "reference.parquet").write_bytes(b"not parquet")

    with pytest.raises(InputError, match="not a Parquet file"):
        read_reference(tmp_path)


def test_rows_of_an_earlier_release_are_left_out(engine: Engine) -> None:
    with Session(engine) as session, session.begin():
        for minute in (40, 41, 42):
            request = _request(minute, 1, FEATURES)
            request.release = "new"
            session.add(request)
    assert read_window(engine, model_version=1, rows=50)["cm_score"].tolist() == [40.0, 41.0, 42.0]
    assert len(read_window(engine, model_version=2, rows=50)) == 3, "no release is one, too"
