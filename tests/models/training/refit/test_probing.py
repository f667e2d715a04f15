"""A fitted last layer is fitted again, with new clips among the old ones."""

from __future__ import annotations

import numpy as np
import pytest

from models.detectors import build_detector
from models.detectors.fitted import Examples
from models.detectors.regression import fitted_line
from models.evaluation.metrics.eer import eer
from models.packaging.last_layer import LastLayer
from models.training.refit.labelled import LabelledEmbeddings, even_weights
from models.training.refit.probing import MOST, Probing, fit_anew, layer_of
from models.training.refit.refitting import refit

WIDTH = 24
# where clips are in the first two dimensions; the other dimensions are noise
HUMAN, KNOWN, NEW = (3.0, 0.0), (-3.0, 0.0), (3.0, 6.0)
PROBING = Probing((WIDTH,), None)


def some(place: tuple[float, float], kind: str, count: int, seed: int) -> LabelledEmbeddings:
    rng = np.random.default_rng(seed)
    embeddings = rng.standard_normal((count, WIDTH))
    embeddings[:, :2] += place
    bonafide = np.full(count, kind.startswith("line"))
    callers = tuple(f"caller-{seed}-{row // 4}" for row in range(count))
    return LabelledEmbeddings(embeddings.astype(np.float32), bonafide, callers, (kind,) * count)


@pytest.fixture(scope="module")
def replay() -> LabelledEmbeddings:
    return some(HUMAN, "line-1", 400, 1).followed_by(some(KNOWN, "known", 400, 2))


def trained_on(clips: LabelledEmbeddings) -> LastLayer:
    """What a training makes of clips."""
    weights = even_weights(clips) * len(clips)
    line = fitted_line(Examples(clips.embeddings.copy(), clips.bonafide, weights))
    return layer_of(line)


def error(layer: LastLayer, human: LabelledEmbeddings, spoof: LabelledEmbeddings) -> float:
    return eer(layer.cm_scores(human.embeddings), layer.cm_scores(spoof.embeddings))


def test_twenty_labels_halve_the_errors_on_a_new_attack_and_nothing_is_forgotten(
    replay: LabelledEmbeddings,
) -> None:
    human, known = some(HUMAN, "line-1", 400, 3), some(KNOWN, "known", 400, 4)
    new = some(NEW, "new", 400, 5)
    before = trained_on(replay)
    after = refit(before, replay, some(NEW, "new", 20, 6), PROBING).layer
    assert error(after, human, new) < error(before, human, new) / 2
    assert error(after, human, known) <= error(before, human, known) + 0.03


def test_without_anything_unlike_the_replay_it_is_what_training_made(
    replay: LabelledEmbeddings,
) -> None:
    human, known = some(HUMAN, "line-1", 400, 3), some(KNOWN, "known", 400, 4)
    before = trained_on(replay)
    after = refit(before, replay, some(KNOWN, "known", 20, 6), PROBING).layer
    scores = [layer.cm_scores(human.followed_by(known).embeddings) for layer in (before, after)]
    assert np.corrcoef(*scores)[0, 1] > 0.99


def test_one_wrong_label_does_not_overturn_a_class(replay: LabelledEmbeddings) -> None:
    human, known = some(HUMAN, "line-1", 400, 3), some(KNOWN, "known", 400, 4)
    after = fit_anew(replay.followed_by(some(HUMAN, "wrong", 1, 5)), 1, PROBING)
    assert error(after, human, known) <= 0.01
    assert (after.cm_scores(human.embeddings) > 0).mean() > 0.95


def test_a_new_clip_weighs_no_more_than_ten_of_its_class(replay: LabelledEmbeddings) -> None:
    far = some((3.0, 60.0), "wrong", 1, 5)
    shifts = []
    for copies in (1, 10):
        clips = replay.followed_by(far)
        for _ in range(copies - 1):
            clips = clips.followed_by(far)
        layer = fit_anew(clips, copies, PROBING)
        shifts.append(abs(layer.direction[1]))
    assert MOST == 10
    assert shifts[0] < shifts[1]


def test_rare_attacks_of_the_replay_keep_their_say() -> None:
    """A known attack with few clips would be drowned by another with many."""
    odd = (1.0, 4.0)
    clips = (
        some(HUMAN, "line-1", 200, 1)
        .followed_by(some(KNOWN, "common", 400, 2))
        .followed_by(some(odd, "rare", 12, 3))
    )
    weights = even_weights(clips)
    assert weights[-12:].sum() == pytest.approx(0.25)
    after = fit_anew(clips.followed_by(some(NEW, "new", 20, 4)), 20, PROBING)
    assert error(after, some(HUMAN, "line-1", 200, 5), some(odd, "rare", 200, 6)) < 0.05


def test_the_same_labels_give_the_same_layer(replay: LabelledEmbeddings) -> None:
    clips = replay.followed_by(some(NEW, "new", 20, 6))
    first, second = (fit_anew(clips, 20, PROBING) for _ in range(2))
    np.testing.assert_array_equal(first.weight, second.weight)
    np.testing.assert_array_equal(clips.embeddings[:800], replay.embeddings)  # not overwritten


def test_fitted_detectors_are_fitted_again_and_others_corrected() -> None:
    spectrum = build_detector("spectrum", {"inverse_penalty": 0.5})
    assert Probing.of(spectrum) == Probing.named("spectrum", {"inverse_penalty": 0.5})
    assert Probing.of(spectrum) == Probing((514,), 0.5)
    assert Probing.named("aasist", {}) is None
    assert Probing.named("aasist-l", {}) is None
    assert Probing.named("lfcc-gmm", {}) is None
