"""Fit a detector that is not trained by gradient, with the results of a training."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.compute.distributed import World
from models.compute.progress import progress_bar
from models.data.clips import Clips
from models.detectors.detector import Detector
from models.detectors.fitted import Examples, FittedDetector
from models.errors import InputError
from models.evaluation.metrics.eer import eer
from models.evaluation.scores import Scores
from models.packaging.checkpoint import load_detector
from models.params.detector import DetectorParams
from models.params.learning import GrowthParams
from models.params.tree import Params
from models.training.execution import Execution
from models.training.features import examples
from models.training.loop import TrainingResult
from models.training.losses import score_loss
from models.training.rule import LearningRule
from models.training.sampling import Sampler
from models.training.scoring import score_together
from models.training.state import EpochResult, copy_weights

FITTED = "fitted: there are no steps"
_BATCH = 16  # crops at once
_HEARD = 256  # train clips that the train loss is measured on

_log = logging.getLogger(__name__)


class Learn(Protocol):
    """`models.training.train.train` or `models.adversarial.hardening.harden`."""

    def __call__(
        self,
        detector: Detector,
        train: Clips,
        dev: Clips,
        params: Params,
        *,
        run: Execution,
    ) -> TrainingResult | None:
        """Learn from train, stop by dev."""


@dataclass(frozen=True)
class FittingRun:
    """The `Fitting` of one training: `learn` trains or hardens the parts of the detector."""

    train: Clips
    dev: Clips
    params: Params
    learn: Learn
    run: Execution
    history: list[EpochResult] = field(default_factory=list)  # of parts that have learnt

    @property
    def device(self) -> torch.device:
        """Where the detector computes."""
        return self.run.torch_device

    @property
    def world(self) -> World:
        """The processes of this training."""
        return self.run.world

    def crops(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Waveforms (b, samples) on the device and labels (b,): one pass over train."""
        sampler = self._sampler()
        steps = sampler.epochs.steps
        with progress_bar(steps, "hear", self.run.shows_progress) as bar:
            for step in range(steps):
                waveforms, labels = sampler.batch(step)
                yield torch.from_numpy(waveforms).to(self.device), torch.from_numpy(labels)
                bar.update()

    def examples(
        self, features: Callable[[Tensor], Tensor], dimensions: int, passes: int
    ) -> Examples:
        """`features` (b, dimensions) of a crop of each train clip, in each of `passes` passes."""
        return examples(
            self._sampler(), features, dimensions, passes, self.device, self.world,
            self.run.shows_progress,
        )  # fmt: skip

    def learn_part(self, part: Detector, name: str, seed_offset: int = 0) -> None:
        """Train a part of the detector as it would be trained alone; `name` is unique among parts.

        It has a checkpoint of its own, so that a fit that was killed goes on with the part at hand.
        """
        params, checkpoint = self.params, self.run.checkpoint
        result = self.learn(
            part,
            self.train,
            self.dev,
            replace(
                params,
                detector=DetectorParams(part.name, part.options),
                training=replace(params.training, seed=params.training.seed_after(seed_offset)),
            ),
            run=replace(
                self.run,
                checkpoint=checkpoint and checkpoint.with_name(f"{checkpoint.stem}.{name}.pt"),
                on_epoch=self._report,
            ),
        )
        part.to(self.device).eval()
        if result is not None:
            _log.info("%s: dev EER %.2f %%", name, 100 * result.best_dev_eer)
            self.history.extend([self._renumbered(epoch) for epoch in result.history])

    def dev_cm_scores(self, detector: Detector) -> NDArray[np.float64]:
        """cm_scores (clips,) of the first window of each dev clip."""
        return self.cm_scores(detector, self.dev)

    def cm_scores(self, detector: Detector, clips: Clips) -> NDArray[np.float64]:
        """cm_scores (clips,) of the first window of each clip."""
        return self._scores(detector, clips).cm_scores

    def with_clips(self, train: Clips, dev: Clips) -> FittingRun:
        """The same, with other clips to fit on and to choose by; parts report to one history."""
        return replace(self, train=train, dev=dev)

    def load_detector(self, folder: Path) -> Detector:
        """The trained detector of a folder; raises InputError where there is none."""
        return load_detector(folder)

    def judged(self, detector: Detector, seconds: float) -> EpochResult:
        """The fit as one epoch and one step, after those of its parts."""
        rows = np.random.default_rng(self.params.training.seed).permutation(len(self.train))
        train = self._scores(detector, self.train.take(np.sort(rows[:_HEARD])))
        dev = self._scores(detector, self.dev)
        weight = self.params.training.bonafide_weight
        return self._renumbered(
            EpochResult(
                epoch=1,
                step=1,
                train_loss=score_loss(train.cm_scores, train.is_bonafide, weight),
                dev_loss=score_loss(dev.cm_scores, dev.is_bonafide, weight),
                dev_eer=eer(dev.bonafide, dev.spoof),
                learning_rate=0.0,
                seconds=seconds,
            )
        )

    def _scores(self, detector: Detector, clips: Clips) -> Scores:
        window = self.params.window
        beginnings = clips.beginnings(window.samples)
        return score_together(detector, beginnings, window, self.device, self.world)

    def _sampler(self) -> Sampler:
        params = self.params
        training = replace(
            params.training, batch_size=_BATCH, epochs=1, steps_per_epoch=0, growth=GrowthParams()
        )
        return Sampler(
            self.train, training, params.augmentation, params.augmentation_audio, params.window
        )

    def _report(self, epoch: EpochResult) -> None:
        self.run.report(self._renumbered(epoch))

    def _renumbered(self, epoch: EpochResult) -> EpochResult:
        """An epoch of a part or of the whole, after all of the parts before it."""
        step = self.history[-1].step if self.history else 0
        return replace(epoch, epoch=epoch.epoch + len(self.history), step=epoch.step + step)


def fit_detector(detector: FittedDetector, fitting: FittingRun) -> TrainingResult:
    """Fit the detector; the history has the epochs of its parts, then of the whole.

    In several processes all come to the weights of the leading one.
    """
    began = time.monotonic()
    detector.to(fitting.device).eval()
    cuda = [fitting.device] if fitting.device.type == "cuda" else []
    with torch.random.fork_rng(cuda):
        detector.fit(fitting)
    detector.load_state_dict(fitting.world.of_leader(copy_weights(detector)))
    whole = fitting.judged(detector, time.monotonic() - began)
    _log.info("%s: dev EER %.2f %%", detector.name, 100 * whole.dev_eer)
    fitting.run.report(whole)
    history = (*fitting.history, whole)
    return TrainingResult(whole.epoch, whole.dev_eer, whole.dev_loss, history, FITTED)


def refuse_steps(detector: FittedDetector, rule: LearningRule) -> None:
    """Raise InputError where the rule changes steps, of which there are none."""
    if rule.changes_steps:
        raise InputError(
            f"{detector.name}: it is fitted and not trained step by step; a detector that is "
            "trained by gradient expected"
        )
