"""One perturbation for every clip (Moosavi-Dezfooli et al., arXiv 1610.08401), learnt beforehand.

It is learnt as a weight is, by stochastic steps over clips (Shafahi et al., arXiv 1811.11304), in
patterns of a second that are repeated over a clip of any length from a place drawn by chance: who
plays a pattern beside a call does not know where the detector's window begins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from models.adversarial.problem import Problem, norm
from models.audio.windows import as_heard
from models.compute.eval_mode import evaluation_mode
from models.data.clips import Clips
from models.detectors.detector import BONAFIDE, SAMPLE_RATE, SPOOF
from models.errors import InputError
from models.params.window import WindowParams
from models.training.sampling import crop

PERIOD = SAMPLE_RATE  # samples of a pattern
_FIRST_STRIDE = 0.5  # of the pattern's norm; falls linearly to nothing


@dataclass(frozen=True)
class Universal:
    """A pattern that makes spoofs pass, and one that makes bona fide clips fail."""

    patterns: Tensor  # (2, period) by label, each of L2 norm 1

    def perturb(
        self, waveforms: Tensor, labels: Tensor, snr_db: float, generator: torch.Generator
    ) -> Tensor:
        """Waveforms (b, samples) of any length with the pattern of their label, `snr_db` below."""
        problem = Problem(waveforms, snr_db, nn.Identity(), labels, 1, generator)
        where = _positions(problem, self.patterns.shape[1])
        return problem.perturbed(_laid(problem, self.patterns.to(waveforms)[labels], where))


def learn_universal(
    detector: nn.Module,
    clips: Clips,
    window: WindowParams,
    snr_db: float,
    *,
    steps: int,
    seed: int,
    device: str | torch.device = "cpu",
    batch_size: int = 8,
) -> Universal:
    """Patterns that push random windows of `clips` across, one for each class, in `steps` steps.

    Raises InputError where a class is missing. The detector is left as it was.
    """
    detector.to(device)
    with evaluation_mode(detector):
        patterns = [
            _learn(detector, _class(clips, label), window, snr_db, label, steps, seed, device,
                   batch_size)
            for label in (SPOOF, BONAFIDE)
        ]  # fmt: skip
    return Universal(torch.cat(patterns))


def _learn(
    detector: nn.Module,
    clips: Clips,
    window: WindowParams,
    snr_db: float,
    label: int,
    steps: int,
    seed: int,
    device: str | torch.device,
    batch_size: int,
) -> Tensor:
    """The pattern (1, period) of one class, on the CPU."""
    rng = np.random.default_rng([seed, label])
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    pattern = torch.randn((1, PERIOD), generator=generator)
    pattern = pattern / norm(pattern)
    labels = torch.full((batch_size,), label, device=device)
    for step in range(steps):
        drawn = rng.integers(len(clips), size=batch_size)
        crops = (crop(clips, int(index), window.samples, rng) for index in drawn)
        windows = np.stack([as_heard(waveform, window) for waveform in crops])
        waveforms = torch.from_numpy(windows).to(device)
        problem = Problem(waveforms, snr_db, detector, labels, 1, generator)
        gradient = _gradient(problem, pattern)
        stride = _FIRST_STRIDE * (1 - step / steps)
        pattern = pattern + stride * gradient / norm(gradient)
        pattern = pattern / norm(pattern)
    return pattern


def _gradient(problem: Problem, pattern: Tensor) -> Tensor:
    """How the error of a batch rises with each sample (1, period) of the pattern."""
    where = _positions(problem, pattern.shape[1])
    waveforms = problem.perturbed(
        _laid(problem, pattern.to(problem.waveforms).expand(len(problem.waveforms), -1), where)
    )
    _, gradient = problem.error_and_gradient(waveforms)  # (b, samples)
    folded = torch.zeros((len(gradient), pattern.shape[1])).to(gradient)
    folded.scatter_add_(1, where, gradient * problem.radius)
    return folded.sum(dim=0, keepdim=True).to(pattern)


def _laid(problem: Problem, patterns: Tensor, where: Tensor) -> Tensor:
    """Perturbations (b, samples): patterns (b, period) repeated, as loud as each clip allows."""
    repeated = patterns.gather(1, where)
    return problem.radius * repeated / norm(repeated)


def _positions(problem: Problem, period: int) -> Tensor:
    """The sample of the pattern (b, samples) that meets each sample of a clip."""
    start = (problem.uniform(1) * period).long()
    return (problem.positions.long() + start) % period


def _class(clips: Clips, label: int) -> Clips:
    rows = np.flatnonzero(clips.bonafide == (label == BONAFIDE))
    if not rows.size:
        raise InputError("a universal perturbation is learnt on both classes, found one alone")
    return clips.take(rows)
