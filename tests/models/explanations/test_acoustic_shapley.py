"""Shapley values of readable features."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.audio.acoustics import ACOUSTICS
from models.detectors import Detector
from models.errors import InputError
from models.evaluation.reference import write_reference
from models.evaluation.sketch import SKETCH_COLUMNS
from models.explanations.acoustic_shapley import acoustic_shapley
from models.explanations.background import READABLE, Background, read_background
from models.explanations.explanation import InapplicableError
from models.explanations.shapley import shapley_values
from models.explanations.stretch import ScoredStretch


def scored_files(files: int = 200) -> tuple[list[dict[str, float]], list[float]]:
    """Files that a detector takes for spoofs where their bandwidth is low, and for nothing else."""
    rng = np.random.default_rng(6)
    acoustics = [dict.fromkeys(ACOUSTICS, 0.0) for _ in range(files)]
    for file in acoustics:
        file.update({name: float(rng.standard_normal()) for name in READABLE})
        file["bandwidth_hz"] = float(rng.uniform(2_000, 8_000))
    return acoustics, [file["bandwidth_hz"] / 1_000 for file in acoustics]


def test_players_get_what_they_add() -> None:
    gains = np.array([3.0, -1.0, 0.0])
    additive = shapley_values(lambda members: members @ gains, 3)
    np.testing.assert_allclose(additive, gains)
    both = shapley_values(lambda members: members[:, :2].all(axis=1) * 4.0, 3)
    np.testing.assert_allclose(both, [2.0, 2.0, 0.0])


def test_the_feature_that_decides_is_blamed(
    known_reason: Detector, stretch_of: Callable[..., ScoredStretch]
) -> None:
    stretch = stretch_of(known_reason)
    rows, scores = scored_files()
    own = {**rows[0], "bandwidth_hz": 2_500.0}
    background = Background.of(rows, scores, "here")
    contributions = acoustic_shapley(
        ScoredStretch(known_reason, stretch.waveform, 16_000, own, background)
    )
    shares = dict(zip(READABLE, contributions.shares, strict=True))
    assert shares["bandwidth_hz"] == pytest.approx(2.5, abs=0.7)  # 5 as a rule, 2.5 here
    assert max(abs(v) for k, v in shares.items() if k != "bandwidth_hz") < 0.3
    assert contributions.figures["r2"] > 0.9
    usual, surrogate = contributions.figures["usual"], contributions.figures["surrogate"]
    assert usual - surrogate == pytest.approx(contributions.shares.sum())


def test_scores_that_no_feature_tells_have_no_r2(
    known_reason: Detector, stretch_of: Callable[..., ScoredStretch]
) -> None:
    rows, scores = scored_files()
    rng = np.random.default_rng(1)
    background = Background.of(rows, rng.permutation(scores).tolist(), "here")
    stretch = ScoredStretch(
        known_reason, stretch_of(known_reason).waveform, 16_000, rows[0], background
    )
    assert acoustic_shapley(stretch).figures["r2"] < 0.1


def test_without_scored_files_there_is_nothing_to_compare_with(
    known_reason: Detector, stretch_of: Callable[..., ScoredStretch]
) -> None:
    with pytest.raises(InapplicableError, match=r"known-reason: no files that it has scored"):
        acoustic_shapley(stretch_of(known_reason))
    rows, scores = scored_files(files=59)
    few = ScoredStretch(
        known_reason,
        stretch_of(known_reason).waveform,
        16_000,
        rows[0],
        Background.of(rows, scores, "h"),
    )
    with pytest.raises(
        InapplicableError, match=r"h: at least 60 scored files expected .* found 59"
    ):
        acoustic_shapley(few)


def test_a_detectors_own_reference_is_a_background(tmp_path: Path) -> None:
    rows, scores = scored_files()
    reference = tmp_path / "reference.parquet"
    write_reference(reference, scores, rows, [[0.0] * len(SKETCH_COLUMNS)] * len(rows))
    background = read_background(reference)
    assert background.features.shape == (200, len(READABLE))
    np.testing.assert_allclose(background.cm_scores, scores)
    reference.write_bytes(b"no table")
    with pytest.raises(InputError, match="not a reference that can be read"):
        read_background(reference)
