"""Averages of the weights along a training, judged on dev and kept in place of the weights."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from models.compute.eval_mode import evaluation_mode
from models.params.training import TrainingParams
from models.training.state import TrainingState

NORM_STEPS = 10  # batches from which batch norm learns its statistics anew


@dataclass(frozen=True)
class Averaging:
    """Keeps an average of a detector's weights in the state of its training.

    `ema` follows the weights after every step, leaving 1 − decay of the distance each time and more
    of it in the first steps. `swa` is the plain mean of the weights at the ends of late epochs
    (arXiv 1803.05407). `wise` keeps the first weights and is judged at a point on the way from
    them to the weights of each epoch (WiSE-FT, arXiv 2109.01903).
    """

    detector: nn.Module
    training: TrainingParams
    state: TrainingState

    def __post_init__(self) -> None:
        """Keep the first weights; a training that is taken up has them in its state."""
        if self.training.averaging.kind == "wise" and self.state.average is None:
            self._follow(1.0)

    def after_step(self) -> None:
        """Let an exponential average follow."""
        if self.training.averaging.kind == "ema":
            count = self.state.averaged
            decay = min(self.training.averaging.decay, (1 + count) / (10 + count))
            self._follow(1.0 - decay)

    def after_epoch(self, epoch: int) -> None:
        """Let a mean over epochs take in one more, counted from 1."""
        averaging = self.training.averaging
        if averaging.kind == "swa" and epoch > averaging.start * self.training.epochs:
            self._follow(1.0 / (self.state.averaged + 1))

    @contextmanager
    def applied(self, batches: Iterable[Tensor], held: Collection[nn.Module]) -> Iterator[None]:
        """Inside, the detector has the average for weights, where there is one.

        Batch norm learns its statistics anew from batches of waveforms (b, samples), except in the
        `held` modules. Afterwards everything is back bit for bit.
        """
        if self.state.average is None:
            yield
            return
        before = {name: value.clone() for name, value in self.detector.state_dict().items()}
        self.detector.load_state_dict(self._average(self.state.average), strict=False)
        renew_norms(self.detector, batches, held)
        try:
            yield
        finally:
            self.detector.load_state_dict(before)

    def _average(self, kept: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The weights to judge."""
        averaging = self.training.averaging
        if averaging.kind != "wise":
            return kept
        now = dict(self.detector.named_parameters())
        return {
            name: first.lerp(now[name].detach(), averaging.share) for name, first in kept.items()
        }

    def _follow(self, share: float) -> None:
        """Move the average this share of the way to the weights."""
        state = self.state
        weights = {name: value.detach() for name, value in self.detector.named_parameters()}
        if state.average is None:
            state.average = {name: value.clone() for name, value in weights.items()}
        average = [state.average[name] for name in weights]
        torch._foreach_lerp_(average, list(weights.values()), share)
        state.averaged += 1


def renew_norms(
    detector: nn.Module, batches: Iterable[Tensor], held: Collection[nn.Module] = ()
) -> None:
    """Set the statistics of batch norm to their means over batches of waveforms (b, samples).

    Dropout is off. A batch norm that is held, or that no batch passes through, stays as it is.
    """
    norms = [n for n in detector.modules() if isinstance(n, _BatchNorm) and n not in held]
    before = [{k: v.clone() for k, v in norm.state_dict().items()} for norm in norms]
    momenta = [norm.momentum for norm in norms]
    with evaluation_mode(detector), torch.no_grad():
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the mean over batches, all of equal weight
            norm.train()
        for waveforms in batches:
            detector(waveforms)
    for norm, old, momentum in zip(norms, before, momenta, strict=True):
        norm.momentum = momentum
        if norm.num_batches_tracked is not None and not norm.num_batches_tracked:
            norm.load_state_dict(old)
