"""Scores of detectors on clips that were perturbed against one of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.adversarial.perturbing import perturb
from models.adversarial.quantising import quantised
from models.adversarial.universal import Universal
from models.audio.windows import aggregate, cut_windows
from models.compute.eval_mode import evaluation_mode
from models.compute.progress import progress_bar
from models.data.clips import Clips
from models.detectors import cm_score
from models.evaluation.scores import Scores
from models.params.window import WindowParams
from models.training.scoring import as_array, join_windows, window_batches

_STEPS = 5  # of the iterated attacks: stronger than the three that hardening uses by default


@dataclass(frozen=True)
class Attack:
    """An attack at one strength; with `universal`, that perturbation whatever the detector."""

    name: str
    snr_db: float
    steps: int = _STEPS
    queries: int = 60
    universal: Universal | None = None

    def perturb(
        self, detector: nn.Module, waveforms: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Attacked 16-bit audio (b, samples) of waveforms (b, samples), labels 1 for bona fide."""
        if self.universal is not None:
            attacked = self.universal.perturb(waveforms, labels, self.snr_db, generator)
        else:
            attacked = perturb(
                detector,
                waveforms,
                labels,
                attack=self.name,
                snr_db=self.snr_db,
                steps=self.steps,
                queries=self.queries,
                generator=generator,
            )
        return quantised(attacked, waveforms, self.snr_db)


def scores_under(
    attack: Attack,
    target: nn.Module,
    judges: Sequence[nn.Module],
    clips: Clips,
    window: WindowParams,
    seed: int,
    *,
    judge_windows: Sequence[WindowParams] = (),
    device: str | torch.device = "cpu",
    batch_size: int = 8,
    progress: bool = False,
) -> list[Scores]:
    """Scores by each of `judges` of clips attacked through `target`, every window by itself.

    `window` is the target's; a judge of another length hears each attacked window as a clip, in
    windows of its own (`judge_windows`, the target's where they are not given). Bona fide speech is
    pushed towards spoof and the reverse, so both errors rise. All detectors are moved to `device`
    and keep their modes.
    """
    own_windows = judge_windows or [window] * len(judges)
    generator = torch.Generator().manual_seed(seed)
    by_judge: list[list[list[float]]] = [[[] for _ in range(len(clips))] for _ in judges]
    with ExitStack() as modes, progress_bar(len(clips), attack.name, progress) as bar:
        for detector in (target, *judges):
            modes.enter_context(evaluation_mode(detector.to(device)))
        for windows, owners in window_batches(clips, window, batch_size):
            waveforms = torch.from_numpy(windows).to(device)
            labels = torch.from_numpy(clips.bonafide[owners].astype(np.int64)).to(device)
            attacked = attack.perturb(target, waveforms, labels, generator)
            bar.update(sum(not by_judge[0][owner] for owner in set(owners.tolist())))
            for judge, own, by_clip in zip(judges, own_windows, by_judge, strict=True):
                for owner, score in zip(owners, _judged(judge, attacked, own), strict=True):
                    by_clip[owner].append(float(score))
    return [
        join_windows(clips, own, by_clip)
        for own, by_clip in zip(own_windows, by_judge, strict=True)
    ]


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
    """Scores of `draw_clips(clips, limit, seed)`, attacked through the detector that scores them.

    Beside them stands `score_clips(detector, draw_clips(clips, limit, seed), …)`: the same trials,
    clean.
    """
    (scores,) = scores_under(
        Attack(attack, snr_db, steps),
        detector,
        [detector],
        draw_clips(clips, limit, seed),
        window,
        seed,
        device=device,
        batch_size=batch_size,
        progress=progress,
    )
    return scores


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


def _judged(detector: nn.Module, attacked: Tensor, window: WindowParams) -> NDArray[np.float64]:
    """Scores (b,) of attacked windows (b, samples) of any length, by one that hears `window`."""
    if attacked.shape[1] == window.samples:
        return _scored(detector, attacked)
    plain = replace(window, spectral_subtraction=0.0)  # what was attacked is as the target hears it
    pieces = [cut_windows(waveform, plain) for waveform in attacked.cpu().numpy()]
    scores = _scored(detector, torch.from_numpy(np.concatenate(pieces)).to(attacked.device))
    ends = np.cumsum([len(piece) for piece in pieces])[:-1]
    return np.array([aggregate(part, window) for part in np.split(scores, ends)])


def _scored(detector: nn.Module, waveforms: Tensor) -> NDArray[np.float64]:
    with torch.inference_mode():
        return as_array(cm_score(detector(waveforms)))
