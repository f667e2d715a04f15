"""Differentiable architecture search (DARTS, arXiv 1806.09055): weights and architecture in turns.

In each step the weights of a supernet follow the gradient of a batch of train, and, after a warm-up
in which they learn alone, its alphas follow the gradient of a batch of other clips: of dev, or of
the half of train that the weights never see. Of second order (eq. 6–8) that gradient is taken where
the weights would be one step on, by finite differences. Steps depend on the parameters, the clips
and their number alone. Eval takes no part.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from models.compute.progress import progress_bar
from models.data.clips import Clips
from models.detectors.light_darts.genotype import Genotype
from models.detectors.light_darts.supernet import SuperNet
from models.errors import InputError
from models.params.tree import Params
from models.training.losses import Loss, build_loss
from models.training.sampling import Sampler
from models.training.step import DivergedError

WARMUP = 0.25  # share of the steps in which the architecture waits
LOWEST_RATE = 0.001  # of the weights, at the end
MOMENTUM, WEIGHT_DECAY = 0.9, 3e-4  # of the weights, as published
ALPHA_RATE = 3e-3  # of the alphas, by Adam; published: 3e-4 for 25,000 steps
ALPHA_DECAY = 1e-3  # of the alphas, as published
CLIP_NORM = 5.0  # of the gradient of weights, as published
BETAS = (0.5, 0.999)  # of Adam on the alphas, as published
DIFFERENCE = 0.01  # length of the step over which eq. 8 takes a difference, as published
REPORTS = 10  # lines of the story of a search
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SearchEpoch:
    """The figures of a tenth of a search."""

    step: int
    train_loss: float  # mean over its steps, of the weights' batches
    architecture_loss: float | None  # of the alphas' batches; None while they wait
    decidedness: float  # 0: all operations weigh the same; 1: each edge has chosen


@dataclass(frozen=True)
class SearchResult:
    """The genotype, and how it was found."""

    genotype: Genotype
    history: tuple[SearchEpoch, ...]


def search_architecture(
    supernet: SuperNet,
    train: Clips,
    other: Clips,
    params: Params,
    device: str | torch.device = "cpu",
    *,
    progress: bool = False,
) -> SearchResult:
    """Learn the weights of a supernet on train and its alphas on other clips; read them off.

    Raises InputError where a class is missing or the loss stops being finite.
    """
    if params.training.batch_size == 0:
        raise InputError("training.batch_size: a number expected, a search tries none; found 0")
    supernet.to(device).train()
    search = _CellSearch(supernet, train, other, params, torch.device(device))
    history: list[SearchEpoch] = []
    steps = params.search.steps
    with torch.random.fork_rng(), progress_bar(steps, "search", progress) as bar:
        for step in range(steps):
            try:
                search.advance(step)
            except DivergedError as error:
                reason = f"the search diverged: {error}; a lower search.learning_rate expected"
                raise InputError(reason) from error
            bar.update()
            if (step + 1) % max(1, steps // REPORTS) == 0:
                history.append(search.report(step + 1))
    return SearchResult(supernet.genotype(), tuple(history))


def halves(clips: Clips, seed: int) -> tuple[Clips, Clips]:
    """Two halves of clips at random, each with half of every attack and of bona fide speech."""
    rng = np.random.default_rng(seed)
    ids = np.array([attack or "" for attack in clips.attack_ids], dtype=np.str_)
    first: list[int] = []
    for attack in np.unique(ids):
        members = rng.permutation(np.flatnonzero(ids == attack))
        first.extend(members[: -(-members.size // 2)].tolist())
    chosen = set(first)
    second = [index for index in range(len(clips)) if index not in chosen]
    return clips.take(sorted(first)), clips.take(second)


@dataclass
class _CellSearch:
    """A search under way."""

    supernet: SuperNet
    train: Clips
    other: Clips
    params: Params
    device: torch.device
    train_losses: list[float] = field(default_factory=list)
    other_losses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        search, training = self.params.search, self.params.training
        self.weights = self.supernet.weights()
        self.alphas = list(self.supernet.alphas.values())
        self.loss: Loss = build_loss(training)
        self.of_weights = self._sampler(self.train, training.seed)
        self.of_alphas = self._sampler(self.other, training.seed_after(1))
        self.weight_optimiser = torch.optim.SGD(
            self.weights, lr=search.learning_rate, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY
        )
        self.alpha_optimiser = torch.optim.Adam(
            self.alphas, lr=ALPHA_RATE, betas=BETAS, weight_decay=ALPHA_DECAY
        )

    def advance(self, step: int) -> None:
        """One step of the alphas, if it is their time, and one of the weights."""
        search = self.params.search
        torch.manual_seed(self.params.training.seed + step)  # for dropout
        rate = self._rate(step)
        batch = self._batch(self.of_weights, step)
        if step >= WARMUP * search.steps:
            other = self._batch(self.of_alphas, step)
            follow = self._ahead if search.order == "second" else self._here
            self.other_losses.append(follow(batch, other, rate))
            self.alpha_optimiser.step()
        slopes, value = self._slopes(batch, self.weights)
        for weight, slope in zip(self.weights, slopes, strict=True):
            weight.grad = slope
        torch.nn.utils.clip_grad_norm_(self.weights, CLIP_NORM)
        self.weight_optimiser.param_groups[0]["lr"] = rate
        self.weight_optimiser.step()
        self.train_losses.append(value)

    def report(self, step: int) -> SearchEpoch:
        """The figures since the last report."""
        other = float(np.mean(self.other_losses)) if self.other_losses else None
        decided = self.supernet.decidedness()
        epoch = SearchEpoch(step, float(np.mean(self.train_losses)), other, decided)
        self.train_losses.clear()
        self.other_losses.clear()
        _log.info(
            "step %d: train loss %.4f, architecture loss %s, decidedness %.3f",
            step, epoch.train_loss, "–" if other is None else f"{other:.4f}", decided,
        )  # fmt: skip
        return epoch

    def _here(self, _: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor], __: float) -> float:
        """Of first order: the gradient of the alphas with the weights as they are."""
        slopes, value = self._slopes(other, self.alphas)
        self._lean(slopes)
        return value

    def _ahead(
        self, batch: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor], rate: float
    ) -> float:
        """Of second order: the gradient of the alphas with the weights one step on."""
        before = [weight.detach().clone() for weight in self.weights]
        self._shift(self._descent(batch), -rate)
        slopes, value = self._slopes(other, [*self.alphas, *self.weights])
        of_alphas, of_weights = slopes[: len(self.alphas)], slopes[len(self.alphas) :]
        self._restore(before)
        norm = torch.sqrt(sum((s.square().sum() for s in of_weights), torch.zeros(())))
        epsilon = DIFFERENCE / max(float(norm), 1e-12)
        self._shift(of_weights, epsilon)
        above, _ = self._slopes(batch, self.alphas)
        self._restore(before)
        self._shift(of_weights, -epsilon)
        below, _ = self._slopes(batch, self.alphas)
        self._restore(before)
        self._lean(
            [
                slope - rate * (up - down) / (2 * epsilon)
                for slope, up, down in zip(of_alphas, above, below, strict=True)
            ]
        )
        return value

    def _descent(self, batch: tuple[Tensor, Tensor]) -> list[Tensor]:
        """The step of the weights' optimiser at a rate of 1 (eq. 7)."""
        slopes, _ = self._slopes(batch, self.weights)
        with torch.no_grad():
            return [
                MOMENTUM * self.weight_optimiser.state[weight].get("momentum_buffer", 0.0)
                + slope
                + WEIGHT_DECAY * weight
                for weight, slope in zip(self.weights, slopes, strict=True)
            ]

    def _slopes(
        self, batch: tuple[Tensor, Tensor], of: Sequence[Tensor]
    ) -> tuple[list[Tensor], float]:
        """The gradient of a batch's loss, and the loss."""
        waveforms, labels = batch
        loss = self.loss(self.supernet(waveforms), labels)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise DivergedError(f"a loss is {value}")
        slopes = torch.autograd.grad(loss, list(of), allow_unused=True, materialize_grads=True)
        return list(slopes), value

    def _lean(self, slopes: Sequence[Tensor]) -> None:
        for alpha, slope in zip(self.alphas, slopes, strict=True):
            alpha.grad = slope

    @torch.no_grad()
    def _shift(self, direction: Sequence[Tensor], length: float) -> None:
        for weight, towards in zip(self.weights, direction, strict=True):
            weight.add_(towards, alpha=length)

    @torch.no_grad()
    def _restore(self, weights: Sequence[Tensor]) -> None:
        for weight, value in zip(self.weights, weights, strict=True):
            weight.copy_(value)

    def _sampler(self, clips: Clips, seed: int) -> Sampler:
        params = self.params
        training = replace(params.training, seed=seed)
        return Sampler(
            clips, training, params.augmentation, params.augmentation_audio, params.window
        )

    def _batch(self, sampler: Sampler, step: int) -> tuple[Tensor, Tensor]:
        waveforms, labels = (torch.from_numpy(array) for array in sampler.batch(step))
        return waveforms.to(self.device), labels.to(self.device)

    def _rate(self, step: int) -> float:
        """Of the weights: from the first to the final rate by a cosine."""
        search = self.params.search
        fall = search.learning_rate - LOWEST_RATE
        return LOWEST_RATE + fall * (1 + math.cos(math.pi * step / search.steps)) / 2
