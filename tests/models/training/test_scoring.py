from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from models.adversarial.robustness import attacked_scores, draw_clips
from models.audio.windows import aggregate, cut_windows
from models.data.clips import Clips
from models.params.window import WindowParams
from models.training.scoring import NotFiniteError, score_clips, window_batches
from models.trials import Trial
from tests.small import SmallWindow
from tests.tolerances import assert_equal_but_for_rounding, in_float64

WINDOW = SmallWindow(samples=500, hop=200)


def scores_of_windows(detector: nn.Module, clips: Clips, dtype: torch.dtype) -> list[float]:
    """Clip after clip."""
    scores = []
    for index in range(len(clips)):
        windows = torch.from_numpy(cut_windows(clips.waveform(index), WINDOW)).to(dtype)
        with torch.no_grad():
            logits = detector(windows)
        scores.append(aggregate((logits[:, 1] - logits[:, 0]).double().numpy(), WINDOW))
    return scores


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_each_clip_gets_the_aggregate_of_its_own_windows(
    batch_size: int, tiny_detector: Callable[[], nn.Module], dev_clips: Clips
) -> None:
    detector = tiny_detector()
    scores = score_clips(detector, dev_clips, WINDOW, batch_size=batch_size)
    assert_equal_but_for_rounding(
        scores.cm_scores,
        scores_of_windows(detector.eval(), dev_clips, torch.float32),
        scores_of_windows(in_float64(detector.eval()), dev_clips, torch.float64),
    )
    assert scores.utterance_ids == dev_clips.utterance_ids
    assert scores.attack_ids == dev_clips.attack_ids
    assert scores.clusters == dev_clips.clusters


def test_short_clips_are_scored_at_their_own_length_alone(
    tiny_detector: Callable[[], nn.Module],
) -> None:
    own = WindowParams(samples=16_000, hop=8_000, short="own")
    rng = np.random.default_rng(8)
    lengths = [9_000, 9_000, 12_345, 30_000, 9_000, 4_000]
    voices = [(0.1 * rng.standard_normal(n)).astype(np.float32) for n in lengths]
    trials = [Trial(f"u{n}", Path("u"), None) for n in range(len(voices))]
    clips = Clips.from_arrays(trials, voices)
    batches = [windows.shape for windows, _ in window_batches(clips, own, 4)]
    assert batches == [(2, 9_000), (1, 12_345), (3, 16_000), (1, 9_000), (1, 8_000)]

    def by_clip(detector: nn.Module, dtype: torch.dtype) -> list[float]:
        with torch.no_grad():
            parts = [clips.waveform(n)[None] for n in range(3)]
            logits = [detector(torch.from_numpy(part).to(dtype)) for part in parts]
        return [float(answer[0, 1] - answer[0, 0]) for answer in logits]

    detector = tiny_detector()
    scores = score_clips(detector, clips, own).cm_scores[:3]
    assert_equal_but_for_rounding(
        scores,
        by_clip(detector.eval(), torch.float32),
        by_clip(in_float64(detector.eval()), torch.float64),
    )


def test_scoring_leaves_batch_norm_and_modes_alone(
    tiny_detector: Callable[[], nn.Module], dev_clips: Clips
) -> None:
    detector = tiny_detector().train()
    detector.norm.eval()
    before = {name: value.clone() for name, value in detector.state_dict().items()}
    score_clips(detector, dev_clips, WINDOW)
    assert all(torch.equal(before[n], value) for n, value in detector.state_dict().items())
    assert detector.training
    assert not detector.norm.training


def test_a_detector_that_answers_nan_names_the_clip(
    tiny_detector: Callable[[], nn.Module], dev_clips: Clips
) -> None:
    detector = tiny_detector()
    nn.init.constant_(detector.out.bias, torch.nan)
    with pytest.raises(NotFiniteError, match=r"^b0: a finite cm_score expected"):
        score_clips(detector, dev_clips, WINDOW)


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_attacked_scores_are_worse_on_the_same_trials(
    attack: str, tiny_detector: Callable[[], nn.Module], dev_clips: Clips
) -> None:
    detector = tiny_detector()
    clean = score_clips(detector, draw_clips(dev_clips, 10, seed=3), WINDOW)
    attacked, again = (
        attacked_scores(detector, dev_clips, WINDOW, attack, 20.0, 10, seed=3) for _ in range(2)
    )
    assert attacked.utterance_ids == clean.utterance_ids
    assert np.array_equal(attacked.cm_scores, again.cm_scores)
    bonafide = np.array([attack_id is None for attack_id in clean.attack_ids])
    assert (attacked.cm_scores < clean.cm_scores)[bonafide].all()
    assert (attacked.cm_scores > clean.cm_scores)[~bonafide].all()


def test_drawn_clips_hold_classes_and_attacks_evenly(dev_clips: Clips) -> None:
    drawn = draw_clips(dev_clips, 12, seed=1)
    assert len(drawn) == 12
    assert drawn.bonafide.sum() == 6
    assert drawn.attack_ids.count("A1") == drawn.attack_ids.count("A2") == 3
    assert drawn.utterance_ids != draw_clips(dev_clips, 12, seed=2).utterance_ids


@pytest.mark.parametrize(("rows", "spoofs"), [(range(9, 24), 7), (range(17), 5)])
def test_a_class_of_few_leaves_room_to_the_other(
    rows: range, spoofs: int, dev_clips: Clips
) -> None:
    drawn = draw_clips(dev_clips.take(rows), 10, seed=1)
    assert len(drawn) == 10
    assert (~drawn.bonafide).sum() == spoofs


def test_a_limit_beyond_the_clips_draws_all(dev_clips: Clips) -> None:
    assert draw_clips(dev_clips, 99, seed=1) is dev_clips
