"""A candidate that has heard eval, and what is left of its advantage once prepare's guard is done.

Labels are drawn by lot here: whoever errs less than by chance has learnt trials by heart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.signal import lfilter

from flows.gate.leaks import guard
from models.augmentations.codec import CODECS
from models.augmentations.processing.coding import through
from models.data.clips import Clips, open_clips, pack_clips
from models.detectors import build_detector
from models.detectors.detector import Detector
from models.evaluation.metrics.eer import eer
from models.evaluation.scores import Scores
from models.params.leakage import LeakageParams
from models.params.promotion import PromotionParams
from models.params.training import TrainingParams
from models.params.tree import Params
from models.params.window import WindowParams
from models.promotion import Evidence, judge
from models.training.scoring import score_clips
from models.training.train import train
from models.trials import Partition, Trial

SAMPLES = 24_000
WINDOW = WindowParams(SAMPLES, SAMPLES)
PARAMS = Params(window=WINDOW, training=TrainingParams(crop_samples=SAMPLES, seed=5))
MEMORY: dict[str, Any] = {
    "components": 24, "coefficients": 12, "filters": 20, "frames": 6_000, "iterations": 8
}  # fmt: skip
RULES = PromotionParams(resamples=300)
EACH = 40


def utterance(seed: int) -> NDArray[np.float32]:
    """A voice of its own colour, that swells and fades as no other does."""
    rng = np.random.default_rng(seed)
    angles, radii = rng.uniform(0.15, 1.3, 3), rng.uniform(0.85, 0.95, 3)
    poles = radii * np.exp(1j * angles)
    sound = lfilter([1.0], np.poly([*poles, *poles.conj()]).real, rng.standard_normal(SAMPLES))
    knots = np.linspace(0, SAMPLES, 24)
    shaped = sound * np.interp(np.arange(SAMPLES), knots, rng.uniform(0.05, 1.0, knots.size))
    return (0.3 * shaped / np.abs(shaped).max()).astype(np.float32)


def clips(seeds: range, partition: Partition, *, copied: bool = False) -> Clips:
    """Utterances whose class is that of their seed; copies come through a codec, quieter, cut."""
    trials, sounds = [], []
    for seed in seeds:
        spoof = bool(np.random.default_rng([seed, 7]).random() < 0.5)
        name = f"{'copy-' if copied else ''}{seed}"
        sound = utterance(seed)
        if copied:
            codec = CODECS[("g722", "g711_alaw")[seed % 2]]
            sound = 0.7 * through(codec, sound, np.random.default_rng(seed))[800:]
        trials.append(Trial(name, Path(name), "A1" if spoof else None, partition))
        sounds.append(sound)
    return Clips.from_arrays(trials, sounds)


def both(one: Clips, other: Clips) -> Clips:
    sounds = [clips.waveform(row) for clips in (one, other) for row in range(len(clips))]
    return Clips.from_arrays((*one.trials, *other.trials), sounds)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """All of eval is planted in train, under other names and through codecs."""
    judged = range(1_000, 1_000 + 2 * EACH)
    honest = clips(range(EACH), Partition.TRAIN)
    pack_clips(both(honest, clips(judged, Partition.TRAIN, copied=True)), tmp_path, "train")
    pack_clips(clips(range(500, 500 + EACH), Partition.DEV), tmp_path, "dev")
    pack_clips(clips(judged, Partition.EVAL), tmp_path, "eval")
    return tmp_path


def learnt(folder: Path) -> Detector:
    torch.manual_seed(1)
    detector = build_detector("lfcc-gmm", MEMORY)
    train(detector, open_clips(folder, "train"), open_clips(folder, "dev"), PARAMS)
    return detector


def judged(folder: Path) -> Scores:
    return score_clips(learnt(folder), open_clips(folder, "eval"), WINDOW)


@pytest.mark.usefixtures("_one_thread")
def test_a_candidate_cannot_win_by_having_heard_eval(packed: Path) -> None:
    guard(packed, LeakageParams(near="report"))
    cheat = judged(packed)
    guard(packed, LeakageParams())
    assert len(open_clips(packed, "train")) == EACH  # of each planted copy nothing is left
    honest = judged(packed)
    assert eer(cheat.bonafide, cheat.spoof) < 0.25
    assert 0.35 < eer(honest.bonafide, honest.spoof) < 0.65
    champion = Scores(honest.utterance_ids, honest.attack_ids,
                   np.random.default_rng(3).standard_normal(2 * EACH), honest.clusters)  # fmt: skip
    assert judge(Evidence.of_scores(champion, cheat), RULES).promote
    assert not judge(Evidence.of_scores(champion, honest), RULES).promote


@pytest.fixture
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
