"""Planted wrong labels are on top of the list, and right ones below."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.errors import InputError
from models.evaluation.label_noise import LabelNoise, confident_joint, find_label_noise
from models.evaluation.scores import Scores, read_scores
from models.trials import Label


def drawn(seed: int, trials: int = 2000, apart: float = 2.0, scale: float = 1.0) -> Scores:
    """Half of each class, normal scores `apart` standard deviations around 0."""
    random = np.random.default_rng(seed)
    spoof = np.arange(trials) % 2 == 1
    values = scale * (random.normal(size=trials) + np.where(spoof, -apart, apart))
    names = tuple(f"u{seed}-{row}" for row in range(trials))
    return Scores(names, tuple("A1" if is_spoof else None for is_spoof in spoof), values, names)


def flipped(scores: Scores, share: float, seed: int = 0) -> tuple[Scores, set[str]]:
    """A share of labels turned round, and whose they are."""
    rows = np.random.default_rng(seed).random(scores.cm_scores.size) < share
    attacks = tuple(
        ("unknown" if attack is None else None) if turn else attack
        for attack, turn in zip(scores.attack_ids, rows, strict=True)
    )
    return replace(scores, attack_ids=attacks), {
        name for name, turn in zip(scores.utterance_ids, rows, strict=True) if turn
    }


def precision_and_recall(noise: LabelNoise, wrong: set[str]) -> tuple[float, float]:
    listed = {suspect.utterance_id for suspect in noise.suspects}
    return len(listed & wrong) / max(len(listed), 1), len(listed & wrong) / len(wrong)


def test_the_joint_is_that_of_a_small_example_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7], [0.05, 0.95]])
    labels = np.array([0, 0, 0, 1, 1])
    joint = confident_joint(probabilities, labels)
    # thresholds: mean of 0.9, 0.8, 0.1 and of 0.7, 0.95; the fourth trial reaches neither
    assert joint.thresholds.tolist() == pytest.approx([0.6, 0.825])
    assert joint.true.tolist() == [0, 0, 1, -1, 1]
    assert joint.shares.ravel().tolist() == pytest.approx([0.4, 0.2, 0.0, 0.4])


def test_planted_flips_are_found_where_the_detector_is_good() -> None:
    scores, wrong = flipped(drawn(1), 0.05)
    noise = find_label_noise([scores])
    precision, recall = precision_and_recall(noise, wrong)
    assert precision > 0.85
    assert recall > 0.8
    assert noise.noise == pytest.approx(0.05, abs=0.03)
    assert noise.joint.sum() == pytest.approx(1)


def test_each_class_has_its_own_rate_of_wrong_labels() -> None:
    scores, _ = flipped(drawn(2, trials=4000, apart=3.0), 0.2)
    spoof_only = np.array([not was for was in drawn(2, trials=4000).is_bonafide])
    attacks = tuple(
        new if one else old
        for new, old, one in zip(
            scores.attack_ids, drawn(2, trials=4000).attack_ids, spoof_only, strict=True
        )
    )
    joint = find_label_noise([replace(scores, attack_ids=attacks)]).joint
    assert joint[0, 1] == pytest.approx(0.1, abs=0.02)  # given bona fide, a fifth of the spoofs
    assert joint[1, 0] == pytest.approx(0.0, abs=0.01)


def test_published_scores_of_real_speech_show_planted_flips(shared: Path) -> None:
    scores = read_scores(shared / "scores" / "asvspoof2019-la.rawgat-st-mul.txt.gz")
    scores, wrong = flipped(scores, 0.05)
    noise = find_label_noise([scores])
    precision, recall = precision_and_recall(noise, wrong)
    assert precision > 0.85
    assert recall > 0.9


def test_folds_of_different_scales_are_brought_to_one() -> None:
    parts = [drawn(3), drawn(4, scale=100.0)]
    parts = [replace(parts[0], cm_scores=parts[0].cm_scores + 50), parts[1]]
    turned = [flipped(part, 0.05, seed) for seed, part in enumerate(parts)]
    noise = find_label_noise([part for part, _ in turned])
    precision, recall = precision_and_recall(noise, turned[0][1] | turned[1][1])
    assert precision > 0.85
    assert recall > 0.85
    first = [suspect.utterance_id.split("-")[0] for suspect in noise.suspects[:100]]
    assert 25 < first.count("u3") < 75  # neither fold rules the list


def test_several_seeds_are_averaged_and_count_each_trial_once() -> None:
    one, wrong = flipped(drawn(5, apart=1.0), 0.05)
    shaken = [
        replace(one, cm_scores=one.cm_scores + np.random.default_rng(seed).normal(size=2000))
        for seed in range(4)
    ]
    alone, together = find_label_noise(shaken[:1]), find_label_noise(shaken)
    assert together.trials == alone.trials == 2000
    assert precision_and_recall(together, wrong)[0] > precision_and_recall(alone, wrong)[0]


def test_suspects_are_ranked_by_how_much_likelier_the_other_class_is() -> None:
    scores, _ = flipped(drawn(6), 0.05)
    suspects = find_label_noise([scores]).suspects
    margins = [suspect.margin for suspect in suspects]
    assert margins == sorted(margins, reverse=True)
    assert all(0 < margin <= 1 for margin in margins)
    height = dict(zip(scores.utterance_ids, scores.cm_scores, strict=True))
    for label, sign in ((Label.SPOOF, -1), (Label.BONAFIDE, 1)):
        of_class = [
            sign * height[suspect.utterance_id] for suspect in suspects if suspect.given is label
        ]
        assert of_class == sorted(of_class)  # within a margin too, the least like it first
    assert all(
        (suspect.spoof_probability > 0.5) is (suspect.given is Label.BONAFIDE)
        for suspect in suspects
    )


def test_without_wrong_labels_few_are_suspected() -> None:
    assert find_label_noise([drawn(7, apart=4.0)]).suspects == ()


def test_scores_that_say_nothing_suspect_nobody_for_sure() -> None:
    scores = drawn(8)
    constant = replace(scores, cm_scores=np.zeros(scores.cm_scores.size))
    assert all(suspect.margin < 0.05 for suspect in find_label_noise([constant]).suspects)


def test_one_class_alone_is_refused() -> None:
    scores = drawn(9, trials=4)
    with pytest.raises(InputError, match="trials of both classes expected"):
        find_label_noise([replace(scores, attack_ids=(None,) * 4)])
