"""How a detector scores while it is attacked."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.adversarial.perturbing import perturb
from models.clips import Clips
from models.detectors import cm_score
from models.modes import evaluation_mode
from models.params import WindowParams
from models.scores import Scores
from models.scoring import as_array, score_windows

_STEPS = 5  # of the iterated attacks: stronger than the three that hardening uses by default


def attacked_scores(
    detector: nn.Module,
    clips: Clips,
    window: WindowParams,
    attack: str,
    snr_db: float,
    limit: int,
    seed: int,
    *,
    steps: int = _STEPS,
    device: str | torch.device = "cpu",
    batch_size: int = 8,
    progress: bool = False,
) -> Scores:
    """Scores of `draw_clips(clips, limit, seed)`, every window of each attacked by itself.

    Bona fide speech is pushed towards spoof and the reverse, so both errors rise. Beside them
    stands `score_clips(detector, draw_clips(clips, limit, seed), …)`: the same trials, clean.
    """
    drawn = draw_clips(clips, limit, seed)
    generator = torch.Generator().manual_seed(seed)
    detector.to(device)

    def score(windows: NDArray[np.float32], owners: NDArray[np.int64]) -> NDArray[np.float64]:
        waveforms = torch.from_numpy(windows).to(device)
        labels = torch.from_numpy(drawn.bonafide[owners].astype(np.int64)).to(device)
        attacked = perturb(
            detector,
            waveforms,
            labels,
            attack=attack,
            snr_db=snr_db,
            steps=steps,
            generator=generator,
        )
        with torch.inference_mode():
            return as_array(cm_score(detector(attacked)))

    with evaluation_mode(detector):
        return score_windows(drawn, window, score, batch_size=batch_size, progress=progress)


def draw_clips(clips: Clips, limit: int, seed: int) -> Clips:
    """At most `limit` clips, half of each class and attacks evenly where there are enough."""
    if limit >= len(clips):
        return clips
    rng = np.random.default_rng(seed)
    ids = np.array([attack or "" for attack in clips.attack_ids], dtype=np.str_)
    attacks = [
        rng.permutation(np.flatnonzero(ids == attack)) for attack in np.unique(ids[ids != ""])
    ]
    bonafide = rng.permutation(np.flatnonzero(ids == ""))
    spoof = _in_turn(attacks)
    spoofs = max(limit - bonafide.size, min(limit // 2, spoof.size))
    return clips.take(sorted([*spoof[:spoofs], *bonafide[: limit - spoofs]]))


def _in_turn(groups: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """One of each group, then another of each, until all are taken."""
    longest = max((group.size for group in groups), default=0)
    turns = [group[turn] for turn in range(longest) for group in groups if turn < group.size]
    return np.array(turns, dtype=np.int64)
