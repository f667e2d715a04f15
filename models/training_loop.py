"""The loop itself: a step, and at the end of an epoch a look at dev."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from models.clips import Clips
from models.continual.anchor import Anchor
from models.errors import InputError
from models.losses import Loss, score_loss
from models.metrics.eer import eer
from models.params import Params
from models.progress import Bar, progress_bar
from models.sampling import Sampler
from models.schedule import cosine_rate
from models.scoring import NotFiniteError, score_clips
from models.training_state import EpochResult, TrainingState, copy_weights

FINISHED = "every epoch is done"

_log = logging.getLogger(__name__)


class BatchTransform(Protocol):
    """Changes a batch on the device before the detector sees it.

    Its `repr` must tell what it does: it is part of the checkpoint's fingerprint.
    """

    def __call__(
        self, detector: nn.Module, waveforms: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Waveforms (b, samples) for waveforms (b, samples) and labels (b,), 1 for bona fide."""


@dataclass(frozen=True)
class TrainingResult:
    """What a training came to; the detector holds the weights of `best_epoch`."""

    best_epoch: int  # from 1
    best_dev_eer: float  # 0–1
    best_dev_loss: float
    history: tuple[EpochResult, ...]
    stopped: str  # why training ended, as a sentence


class _DivergedError(Exception):
    """The loss, a gradient or a dev score is no longer finite."""


@dataclass
class TrainingLoop:
    """A training under way; `run` takes it to its end."""

    detector: nn.Module
    sampler: Sampler
    dev: Clips
    params: Params
    device: torch.device
    optimiser: torch.optim.Optimizer
    loss: Loss
    state: TrainingState
    transform: BatchTransform | None
    anchor: Anchor
    report: Callable[[EpochResult], None]
    keep: Callable[[TrainingState], None]
    keep_every_s: float
    began: float = field(default_factory=time.monotonic)
    kept: float = field(default_factory=time.monotonic)

    @property
    def steps(self) -> int:
        return self.sampler.steps_per_epoch * self.params.training.epochs

    def run(self, progress: bool) -> TrainingResult:
        with progress_bar(self.steps, "train", progress, done=self.state.step) as bar:
            while self.state.stopped is None:
                self.advance(bar)
        return self.finish()

    def advance(self, bar: Bar) -> None:
        """One step; at the end of an epoch, dev too."""
        state = self.state
        try:
            state.loss_sum += self.step(state.step)
            state.step += 1
            bar.update()
            if state.step % self.sampler.steps_per_epoch == 0:
                self.close_epoch(bar)
        except (_DivergedError, NotFiniteError) as error:
            self.diverged(error)
        if state.stopped or time.monotonic() - self.kept >= self.keep_every_s:
            self.keep(state)
            self.kept = time.monotonic()

    def step(self, step: int) -> float:
        """Learn from the batch of one step; its loss."""
        training = self.params.training
        waveforms, labels = (
            torch.from_numpy(each).to(self.device) for each in self.sampler.batch(step)
        )
        seed = int(np.random.SeedSequence([training.seed, step]).generate_state(1)[0])
        torch.manual_seed(seed)  # for dropout
        if self.transform is not None:
            generator = torch.Generator().manual_seed(seed)
            waveforms = self.transform(self.detector, waveforms, labels, generator)
        self.detector.train()
        mixed = training.mixed_precision and self.device.type == "cuda"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=mixed):
            logits = self.detector(waveforms)
            penalty = self.anchor.penalty(self.detector, waveforms, labels, logits)
        return self.descend(self.loss(logits.float(), labels) + penalty, step)

    def descend(self, loss: Tensor, step: int) -> float:
        """Follow the gradient of a loss, clipped, at the rate of the step."""
        value = loss.item()
        if not math.isfinite(value):
            raise _DivergedError(f"the loss of step {step + 1} is {value}")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        clip_norm = self.params.training.clip_norm or math.inf  # 0: not clipped
        norm = nn.utils.clip_grad_norm_(self.detector.parameters(), clip_norm)
        if not torch.isfinite(norm):
            raise _DivergedError(f"the gradient of step {step + 1} is {norm.item()}")
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate(step)
        with self.anchor.guard(self.detector):
            self.optimiser.step()
        return value

    def rate(self, step: int) -> float:
        training = self.params.training
        return cosine_rate(step, self.steps, training.learning_rate, training.final_learning_rate)

    def close_epoch(self, bar: Bar) -> None:
        """Score dev, report, keep the weights if they are the best, decide whether to go on."""
        epoch = self.judge_epoch()
        if not self.state.history or _rank(epoch) < _rank(self.best):
            self.state.best = copy_weights(self.detector)
        self.state.history.append(epoch)
        self.state.loss_sum = 0.0
        self.began = time.monotonic()
        self.state.stopped = self.reason_to_stop()
        bar.set_postfix_str(f"epoch {epoch.epoch}, dev EER {epoch.dev_eer:.1%}")
        _log.info(
            "epoch %d: train loss %.4f, dev EER %.2f %%",
            epoch.epoch,
            epoch.train_loss,
            100 * epoch.dev_eer,
        )
        self.report(epoch)
        self.keep(self.state)
        self.kept = time.monotonic()

    def judge_epoch(self) -> EpochResult:
        dev = score_clips(self.detector, self.dev, self.params.window, self.device)
        bonafide, state = self.dev.bonafide, self.state
        return EpochResult(
            epoch=len(state.history) + 1,
            step=state.step,
            train_loss=state.loss_sum / self.sampler.steps_per_epoch,
            dev_loss=score_loss(dev.cm_scores, bonafide, self.params.training.bonafide_weight),
            dev_eer=eer(dev.cm_scores[bonafide], dev.cm_scores[~bonafide]),
            learning_rate=self.rate(state.step - 1),
            seconds=time.monotonic() - self.began,
        )

    @property
    def best(self) -> EpochResult:
        return min(self.state.history, key=_rank)

    def reason_to_stop(self) -> str | None:
        history, patience = self.state.history, self.params.training.patience
        lowest = min(history, key=lambda epoch: epoch.dev_eer)  # the first of equals
        if len(history) - lowest.epoch >= patience:
            return f"no lower dev EER in {patience} epochs"
        return FINISHED if self.state.step >= self.steps else None

    def diverged(self, error: Exception) -> None:
        reason = f"training diverged: {error}; a lower training.learning_rate expected"
        if not self.state.history:
            raise InputError(reason) from error
        _log.warning("%s; the best epoch so far is kept", reason)
        self.state.stopped = reason

    def finish(self) -> TrainingResult:
        """The best weights into the detector."""
        if self.state.best is None or self.state.stopped is None:
            raise RuntimeError("a training that is not over cannot be finished")
        self.detector.load_state_dict(self.state.best)
        self.detector.eval()
        best = self.best
        return TrainingResult(
            best.epoch, best.dev_eer, best.dev_loss, tuple(self.state.history), self.state.stopped
        )


def _rank(epoch: EpochResult) -> tuple[float, float]:
    return epoch.dev_eer, epoch.dev_loss
