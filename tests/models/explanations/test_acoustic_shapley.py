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
from models.explanations.explanation import AbsentError
from models.explanations.heard import Heard
from models.explanations.shapley import shapley_values


def background(files: int = 200) -> tuple[list[dict[str, float]], list[float]]:
    """Files that a detector takes for spoofs where their bandwidth is low, and for nothing else."""
    rng = np.random.default_rng(6)
    acoustics = [dict.fromkeys(ACOUSTICS, 0.0) for _ in range(files)]
    for each in acoustics:
        each.update({name: float(rng.standard_normal()) for name in READABLE})
        each["bandwidth_hz"] = float(rng.uniform(2_000, 8_000))
    return acoustics, [each["bandwidth_hz"] / 1_000 for each in acoustics]


def test_players_get_what_they_add() -> None:
    gains = np.array([3.0, -1.0, 0.0])
    additive = shapley_values(lambda members: members @ gains, 3)
    np.testing.assert_allclose(additive, gains)
    both = shapley_values(lambda members: members[:, :2].all(axis=1) * 4.0, 3)
    np.testing.assert_allclose(both, [2.0, 2.0, 0.0])


def test_the_feature_that_decides_is_blamed(
    known_reason: Detector, hear: Callable[..., Heard]
) -> None:
    heard = hear(known_reason)
    rows, scores = background()
    own = {**rows[0], "bandwidth_hz": 2_500.0}
    known = Background.of(rows, scores, "here")
    found = acoustic_shapley(Heard(known_reason, heard.waveform, 16_000, own, known))
    shares = dict(zip(READABLE, found.shares, strict=True))
    assert shares["bandwidth_hz"] == pytest.approx(2.5, abs=0.7)  # 5 as a rule, 2.5 here
    assert max(abs(v) for k, v in shares.items() if k != "bandwidth_hz") < 0.3
    assert found.figures["r2"] > 0.9
    usual, surrogate = found.figures["usual"], found.figures["surrogate"]
    assert usual - surrogate == pytest.approx(found.shares.sum())


def test_scores_that_no_feature_tells_have_no_r2(
    known_reason: Detector, hear: Callable[..., Heard]
) -> None:
    rows, scores = background()
    rng = np.random.default_rng(1)
    known = Background.of(rows, rng.permutation(scores).tolist(), "here")
    heard = Heard(known_reason, hear(known_reason).waveform, 16_000, rows[0], known)
    assert acoustic_shapley(heard).figures["r2"] < 0.1


def test_without_scored_files_there_is_nothing_to_compare_with(
    known_reason: Detector, hear: Callable[..., Heard]
) -> None:
    with pytest.raises(AbsentError, match=r"known-reason: no files that it has scored"):
        acoustic_shapley(hear(known_reason))
    rows, scores = background(files=59)
    few = Heard(
        known_reason, hear(known_reason).waveform, 16_000, rows[0], Background.of(rows, scores, "h")
    )
    with pytest.raises(AbsentError, match=r"h: at least 60 scored files expected .* found 59"):
        acoustic_shapley(few)


def test_a_detectors_own_reference_is_a_background(tmp_path: Path) -> None:
    rows, scores = background()
    reference = tmp_path / "reference.parquet"
    write_reference(reference, scores, rows, [[0.0] * len(SKETCH_COLUMNS)] * len(rows))
    known = read_background(reference)
    assert known.features.shape == (200, len(READABLE))
    np.testing.assert_allclose(known.cm_scores, scores)
    reference.write_bytes(b"no table")
    with pytest.raises(InputError, match="not a reference that can be read"):
        read_background(reference)
