"""Clips attacked through a champion, as a set for others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.adversarial.adversarial_set import attacked_clips, can_attack
from models.data.clips import Clips
from models.detectors import build_detector
from models.detectors.detector import Detector
from models.params.evaluation_sets import AdversarialSetParams
from models.params.window import WindowParams
from models.promotion.evaluation_sets import version_of
from models.training.scoring import score_clips
from models.trials import Trial

WINDOW = WindowParams(8_000, 8_000)
PGD = AdversarialSetParams(snr_db=25.0, steps=3)
NARROW = {"sinc_filters": 12, "sinc_length": 33, "widths": [4], "graph_dims": [8, 8]}


@pytest.fixture(scope="module")
def champion() -> Detector:
    torch.manual_seed(1)
    return build_detector("aasist", NARROW).eval()


@pytest.fixture(scope="module")
def clean() -> Clips:
    """Clips shorter and longer than a window."""
    rng = np.random.default_rng(1)
    trials = [Trial(f"u{n}", Path("-"), "A1" if n % 2 else None) for n in range(6)]
    sounds = [(0.1 * rng.standard_normal(5_000 + 2_000 * n)).astype(np.float32) for n in range(6)]
    return Clips.from_arrays(trials, sounds)


def test_the_champion_errs_more_within_the_snr(champion: Detector, clean: Clips) -> None:
    attacked = attacked_clips(champion, clean, WINDOW, PGD, seed=1)
    assert attacked.trials == clean.trials
    assert attacked.lengths.tolist() == [8_000] * 6
    windows = [np.resize(clean.waveform(row), 8_000) for row in range(6)]  # tiled, or cut
    plain = Clips.from_arrays(clean.trials, windows)
    before, after = (score_clips(champion, clips, WINDOW) for clips in (plain, attacked))
    worse = np.where(clean.bonafide, before.cm_scores > after.cm_scores,
                     before.cm_scores < after.cm_scores)  # fmt: skip
    assert worse.all()
    for row, waveform in enumerate(windows):
        noise = attacked.waveform(row) - waveform
        assert 0 < np.sum(noise**2) <= np.sum(waveform**2) * 10**-2.5 * 1.001


def test_a_seed_makes_the_same_set_again(champion: Detector, clean: Clips) -> None:
    once, again = (attacked_clips(champion, clean, WINDOW, PGD, seed=1) for _ in range(2))
    assert version_of(once) == version_of(again)


def test_a_champion_without_a_gradient_is_attacked_by_the_blind_alone() -> None:
    trees = build_detector("aasist", NARROW)
    assert can_attack(trees, PGD)
    trees.differentiable = False
    assert not can_attack(trees, PGD)
    assert can_attack(trees, AdversarialSetParams(attack="nes"))
