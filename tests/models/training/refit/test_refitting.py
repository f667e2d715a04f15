"""A last layer that is fitted anew: what it learns from few labels, and what it keeps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.errors import InputError
from models.evaluation.metrics.eer import eer
from models.packaging.last_layer import LastLayer
from models.training.refit.correction import DIRECTIONS, Scaling, fit_correction
from models.training.refit.labelled import LabelledEmbeddings
from models.training.refit.refitting import grouped_folds, refit

WIDTH = 24
# where clips are in the first two dimensions: the layer looks at the first alone
HUMAN, KNOWN, NEW = (3.0, 0.0), (-3.0, 0.0), (3.0, 6.0)


def some(place: tuple[float, float], bonafide: bool, count: int, seed: int) -> LabelledEmbeddings:
    """Clips around a place, four of each caller."""
    rng = np.random.default_rng(seed)
    embeddings = rng.standard_normal((count, WIDTH))
    embeddings[:, :2] += place
    callers = tuple(f"caller-{seed}-{row // 4}" for row in range(count))
    kinds = ("line" if bonafide else f"attack-{seed}",) * count
    return LabelledEmbeddings(
        embeddings.astype(np.float32), np.full(count, bonafide), callers, kinds
    )


@pytest.fixture
def layer() -> LastLayer:
    """It tells HUMAN from KNOWN, and takes NEW for human."""
    weight = np.zeros((2, WIDTH), np.float32)
    weight[:, 0] = (-1.0, 1.0)
    return LastLayer(weight, np.zeros(2, np.float32))


@pytest.fixture
def replay() -> LabelledEmbeddings:
    """What the layer was trained on."""
    return some(HUMAN, True, 400, 1).followed_by(some(KNOWN, False, 400, 2))


def error(layer: LastLayer, human: LabelledEmbeddings, spoof: LabelledEmbeddings) -> float:
    return eer(layer.cm_scores(human.embeddings), layer.cm_scores(spoof.embeddings))


def test_twenty_labels_of_a_new_attack_are_enough_and_nothing_is_forgotten(
    layer: LastLayer, replay: LabelledEmbeddings
) -> None:
    human, known, new = (
        some(HUMAN, True, 400, 3),
        some(KNOWN, False, 400, 4),
        some(NEW, False, 400, 5),
    )
    after = refit(layer, replay, some(NEW, False, 20, 6)).layer
    assert error(after, human, new) < error(layer, human, new) / 2
    assert error(after, human, known) < 0.02


def test_callers_who_are_human_after_all_are_believed_too(
    layer: LastLayer, replay: LabelledEmbeddings
) -> None:
    odd = (-3.0, 6.0)  # a telephone line that sounds synthetic
    human, known = some(odd, True, 400, 3), some(KNOWN, False, 400, 4)
    after = refit(layer, replay, some(odd, True, 20, 5)).layer
    assert error(after, human, known) < error(layer, human, known) / 2


def test_labels_that_the_layer_gives_already_leave_it_as_it_is(
    layer: LastLayer, replay: LabelledEmbeddings
) -> None:
    sure = replace(replay, embeddings=10 * replay.embeddings)  # all are right, and far from wrong
    known = some(KNOWN, False, 20, 3)
    result = refit(layer, sure, replace(known, embeddings=10 * known.embeddings))
    human, spoof = some(HUMAN, True, 200, 4), some(KNOWN, False, 200, 5)
    assert result.figures["loss_after"] <= result.figures["loss_before"] < 0.1
    moved = error(result.layer, human, spoof) - error(layer, human, spoof)
    assert abs(moved) <= 0.01


def test_one_label_suffices_to_fit_but_not_to_overturn(
    layer: LastLayer, replay: LabelledEmbeddings
) -> None:
    human, known = some(HUMAN, True, 400, 3), some(KNOWN, False, 400, 4)
    after = refit(layer, replay, some(HUMAN, False, 1, 5)).layer  # wrongly labelled, perhaps
    assert error(after, human, known) <= error(layer, human, known) + 0.01


def test_the_same_labels_give_the_same_layer(layer: LastLayer, replay: LabelledEmbeddings) -> None:
    first, second = (refit(layer, replay, some(NEW, False, 20, 6)) for _ in range(2))
    assert first.figures == second.figures
    np.testing.assert_array_equal(first.layer.weight, second.layer.weight)
    np.testing.assert_array_equal(first.layer.bias, second.layer.bias)


def test_no_caller_is_on_both_sides_of_a_fold() -> None:
    callers = [f"caller-{row % 7}" for row in range(50)]
    folds = grouped_folds(callers, 5)
    assert set(folds) == set(range(5))
    assert all(len(set(folds[[c == name for c in callers]])) == 1 for name in set(callers))


def test_clips_of_one_caller_are_held_out_one_by_one() -> None:
    assert sorted(np.bincount(grouped_folds(["caller"] * 12, 5))) == [2, 2, 2, 3, 3]


def test_a_correction_from_nothing_is_the_logistic_regression_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    scaled = rng.standard_normal((200, 5))
    bonafide = scaled @ np.arange(5) + rng.standard_normal(200) > 0
    strength, weights = 0.02, np.full(200, 1 / 200)
    correction = fit_correction(scaled, np.zeros(200), bonafide, weights, strength)
    columns = np.hstack([scaled, np.ones((200, 1))])  # the offset is drawn to 0 as well
    reference = LogisticRegression(C=1 / (200 * strength), fit_intercept=False, tol=1e-10)
    np.testing.assert_allclose(correction, reference.fit(columns, bonafide).coef_[0], atol=1e-3)


def test_a_dimension_that_never_varies_stays_as_it_is(
    layer: LastLayer, replay: LabelledEmbeddings
) -> None:
    def dead(clips: LabelledEmbeddings) -> LabelledEmbeddings:
        embeddings = clips.embeddings.copy()
        embeddings[:, 7] = 3.0
        return replace(clips, embeddings=embeddings)

    after = refit(layer, dead(replay), dead(some(NEW, False, 20, 6))).layer
    assert after.weight[1, 7] == layer.weight[1, 7]
    assert np.isfinite(after.weight).all()


def test_scaling_undone_gives_the_scores_of_scaled_embeddings() -> None:
    rng = np.random.default_rng(0)
    embeddings = (5 + 3 * rng.standard_normal((50, 4))).astype(np.float32)
    correction = rng.standard_normal(5)
    scaling = Scaling.of(embeddings)
    direction, offset = scaling.undone(correction)
    expected = scaling(embeddings) @ correction[:-1] + correction[-1]
    np.testing.assert_allclose(embeddings @ direction + offset, expected, atol=1e-9)


def test_wide_embeddings_are_corrected_along_what_varies_in_them(
    layer: LastLayer, replay: LabelledEmbeddings
) -> None:
    rng = np.random.default_rng(0)
    wide = np.linalg.qr(rng.standard_normal((DIRECTIONS + 100, WIDTH)))[0].T.astype(np.float32)

    def widened(clips: LabelledEmbeddings) -> LabelledEmbeddings:
        return replace(clips, embeddings=clips.embeddings @ wide)

    human, new = widened(some(HUMAN, True, 400, 3)), widened(some(NEW, False, 400, 5))
    before = LastLayer(layer.weight @ wide, layer.bias)
    after = refit(before, widened(replay), widened(some(NEW, False, 20, 6))).layer
    assert error(after, human, new) < error(before, human, new) / 2


def _one_class(clips: LabelledEmbeddings) -> LabelledEmbeddings:
    return replace(clips, bonafide=np.zeros(len(clips), np.bool_))


def _with_nan(clips: LabelledEmbeddings) -> LabelledEmbeddings:
    embeddings: NDArray[np.float32] = clips.embeddings.copy()
    embeddings[0, 0] = np.nan
    return replace(clips, embeddings=embeddings)


def test_what_cannot_be_fitted_is_refused_in_one_sentence(
    layer: LastLayer, replay: LabelledEmbeddings
) -> None:
    new = some(NEW, False, 20, 6)
    with pytest.raises(InputError, match="at least one clip expected, found none"):
        refit(layer, replay, some(NEW, False, 0, 6))
    with pytest.raises(InputError, match="both classes among the replayed clips expected"):
        refit(layer, _one_class(replay), replace(new, bonafide=np.ones(20, np.bool_)))
    with pytest.raises(InputError, match="finite embeddings expected"):
        refit(layer, replay, _with_nan(new))
    with pytest.raises(InputError, match=r"embeddings of shape \(820, 23\) expected"):
        refit(LastLayer(layer.weight[:, 1:], layer.bias), replay, new)
    with pytest.raises(InputError, match=r"weight \(2, d\)"):
        LastLayer(layer.weight[:1], layer.bias)
