"""The loop itself: step after step, and at the end of an epoch a look at dev."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import Tensor, nn

from models.compute.memory import give_way
from models.compute.progress import Bar, progress_bar
from models.data.clips import Clips
from models.errors import InputError
from models.evaluation.metrics.eer import eer
from models.params.tree import Params
from models.training.averaging import NORM_STEPS, Averaging
from models.training.execution import Execution
from models.training.growth import Epochs
from models.training.losses import score_loss
from models.training.scoring import NotFiniteError, score_together
from models.training.state import Checkpoint, EpochResult, TrainingState, copy_weights
from models.training.step import DivergedError, TrainingStep

FINISHED = "every epoch is done"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingResult:
    """The result of a training; the detector holds the weights of `best_epoch`."""

    best_epoch: int  # from 1
    best_dev_eer: float  # 0–1
    best_dev_loss: float
    history: tuple[EpochResult, ...]
    stopped: str  # why training ended, as a sentence


@dataclass
class TrainingLoop:
    """A training under way; `run` takes it to its end."""

    step: TrainingStep
    averaging: Averaging
    dev: Clips
    params: Params
    execution: Execution
    checkpoint: Checkpoint
    began: float = field(default_factory=time.monotonic)
    saved_at: float = field(default_factory=time.monotonic)

    @property
    def state(self) -> TrainingState:
        return self.step.state

    @property
    def detector(self) -> nn.Module:
        return self.step.detector

    @property
    def epochs(self) -> Epochs:
        return self.step.sampler.epochs

    def run(self) -> TrainingResult:
        shown = self.execution.shows_progress
        with progress_bar(self.epochs.steps, "train", shown, done=self.state.step) as bar:
            while self.state.stopped is None:
                self.advance(bar)
        return self.finish()

    def advance(self, bar: Bar) -> None:
        """One step; at the end of an epoch, dev too."""
        state = self.state
        give_way()
        try:
            state.loss_sum += self.step.learn(state.step)
            self.averaging.after_step()
            state.step += 1
            bar.update()
            if state.step in self.epochs.ends:
                self.close_epoch(bar)
        except (DivergedError, NotFiniteError) as error:
            self.diverged(error)
        if state.stopped or time.monotonic() - self.saved_at >= self.execution.checkpoint_every_s:
            self.checkpoint.save(state)
            self.saved_at = time.monotonic()

    def close_epoch(self, bar: Bar) -> None:
        """Score dev, report, keep the weights if they are the best, decide whether to go on."""
        done = len(self.state.history)  # epochs before this one
        self.averaging.after_epoch(done + 1)
        with self.averaging.applied(self.latest_waveforms(), self.step.front.held_norms(done)):
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
        self.execution.report(epoch)
        self.checkpoint.save(self.state)
        self.saved_at = time.monotonic()

    def latest_waveforms(self) -> Iterator[Tensor]:
        """Waveforms (b, samples) of the last steps, for statistics of averaged weights."""
        first = max(self.state.step - NORM_STEPS, 0)
        for step in range(first, self.state.step):
            for waveforms, _ in self.step.parts(step):
                yield waveforms[self.step.world.own].to(self.step.device)

    def judge_epoch(self) -> EpochResult:
        state = self.state
        done = len(state.history)
        dev_loss, dev_eer = self.step.world.of_leader(self.judge_dev())
        return EpochResult(
            epoch=done + 1,
            step=state.step,
            train_loss=state.loss_sum / self.epochs.length(done),
            dev_loss=dev_loss,
            dev_eer=dev_eer,
            learning_rate=self.step.rate(state.step - 1),
            seconds=time.monotonic() - self.began,
        )

    def judge_dev(self) -> tuple[float, float]:
        """Loss and EER on dev."""
        step, bonafide = self.step, self.dev.bonafide
        dev = score_together(self.detector, self.dev, self.params.window, step.device, step.world)
        loss = score_loss(dev.cm_scores, bonafide, self.params.training.bonafide_weight)
        return loss, eer(dev.bonafide, dev.spoof)

    @property
    def best(self) -> EpochResult:
        return min(self.state.history, key=_rank)

    def reason_to_stop(self) -> str | None:
        history, patience = self.state.history, self.params.training.patience
        lowest = min(history, key=lambda epoch: epoch.dev_eer)  # the first of equals
        if len(history) - lowest.epoch >= patience:
            return f"no lower dev EER in {patience} epochs"
        return FINISHED if self.state.step >= self.epochs.steps else None

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
        self.step.front.hold(self.step.front.epochs)  # free again
        self.detector.load_state_dict(self.state.best)
        self.detector.eval()
        best = self.best
        return TrainingResult(
            best.epoch, best.dev_eer, best.dev_loss, tuple(self.state.history), self.state.stopped
        )


def _rank(epoch: EpochResult) -> tuple[float, float]:
    return epoch.dev_eer, epoch.dev_loss
