"""The reference a detector folder carries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.audio.acoustics import ACOUSTICS, describe
from models.errors import InputError
from models.evaluation.reference import REFERENCE_COLUMNS, write_reference
from models.evaluation.sketch import SKETCH_SIZE

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
