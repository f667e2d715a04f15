"""The reference a detector folder carries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.audio.acoustics import ACOUSTICS, describe
from models.errors import InputError
from models.evaluation.reference import ORIGIN_COLUMNS, REFERENCE_COLUMNS, write_reference
from models.evaluation.sketch import SKETCH_SIZE
from models.trials import Trial

FEATURES = describe(np.sin(np.arange(16_000, dtype=np.float32)))


def test_a_reference_has_one_row_per_trial_and_every_watched_column(tmp_path: Path) -> None:
    path = tmp_path / "reference.parquet"

    write_reference(path, np.array([1.5, -2.0]), [FEATURES] * 2, [[0.1] * SKETCH_SIZE] * 2)

    frame = pd.read_parquet(path)
    assert tuple(frame.columns) == REFERENCE_COLUMNS
    assert frame["cm_score"].tolist() == [1.5, -2.0]
    assert frame["level_dbfs"].tolist() == [FEATURES["level_dbfs"]] * 2
    assert frame["e15"].tolist() == [0.1, 0.1]
    assert [file.name for file in tmp_path.iterdir()] == ["reference.parquet"]


def test_the_rows_say_what_their_trials_are_and_where_they_come_from(tmp_path: Path) -> None:
    path = tmp_path / "reference.parquet"
    trials = [
        Trial("a", path, None, speaker_id="anna", source="hotline", extra={"day": "2026-11-02"}),
        Trial("b", path, "tts"),
    ]

    write_reference(path, [1.5, -2.0], [FEATURES] * 2, [[0.1] * SKETCH_SIZE] * 2, trials)

    frame = pd.read_parquet(path)
    assert tuple(frame.columns) == (*REFERENCE_COLUMNS, *ORIGIN_COLUMNS)
    assert frame.loc[0, list(ORIGIN_COLUMNS)].tolist() == [
        "bonafide", "anna", "hotline", "2026-11-02",
    ]  # fmt: skip
    assert frame.loc[1, list(ORIGIN_COLUMNS)].tolist() == ["spoof", "", "", ""]


@pytest.mark.parametrize("scores", [[], [float("nan")]])
def test_no_trials_or_a_score_that_is_none_are_refused(tmp_path: Path, scores: list[float]) -> None:
    rows = len(scores)
    with pytest.raises(InputError, match="only finite values expected"):
        write_reference(
            tmp_path / "r.parquet", scores, [FEATURES] * rows, [[0.0] * SKETCH_SIZE] * rows
        )
    assert not list(tmp_path.iterdir())


def test_lists_of_different_lengths_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shorter"):
        write_reference(tmp_path / "r.parquet", [1.0, 2.0], [FEATURES], [[0.0] * SKETCH_SIZE] * 2)


def test_every_acoustic_feature_is_watched() -> None:
    assert set(ACOUSTICS) <= set(REFERENCE_COLUMNS)
