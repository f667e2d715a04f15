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
from torch import Tensor

from models.compute.distributed import World
from models.compute.progress import progress_bar
from models.data.clips import Clips
from models.detectors.detector import Detector
from models.detectors.fitted import FittedDetector
from models.errors import InputError
from models.evaluation.metrics.eer import eer
from models.evaluation.scores import Scores
from models.params.detector import DetectorParams
from models.params.learning import GrowthParams
from models.params.tree import Params
from models.training.loop import TrainingResult
from models.training.losses import score_loss
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
        device: str | torch.device,
        checkpoint: Path | None,
        on_epoch: Callable[[EpochResult], None] | None,
        progress: bool,
        world: World,
    ) -> TrainingResult | None:
        """Learn from train, stop by dev."""


@dataclass(frozen=True)
class Fitting:
    """What a fit has to work with: the clips and params, and ways to hear, to learn and to score.

    All processes of `world` have the same but for `device`, and call the same methods in one order;
    `crops` alone is each one's own business.
    """

    train: Clips
    dev: Clips
    params: Params
    device: torch.device
    world: World
    learn: Learn
    checkpoint: Path | None = None
    on_epoch: Callable[[EpochResult], None] | None = None
    progress: bool = False
    history: list[EpochResult] = field(default_factory=list)  # of parts that have learnt

    def crops(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Waveforms (b, crop_samples) on the device and labels (b,): one pass over train.

        They are drawn, augmented and cleaned as training by gradient would have them. Raises
        InputError where a class is missing.
        """
        training = replace(
            self.params.training, batch_size=_BATCH, epochs=1, steps_per_epoch=0,
            growth=GrowthParams(),
        )  # fmt: skip
        params = self.params
        sampler = Sampler(
            self.train, training, params.augmentation, params.augmentation_audio, params.window
        )
        steps = sampler.epochs.steps
        with progress_bar(steps, "hear", self.progress and self.world.leads) as bar:
            for step in range(steps):
                waveforms, labels = sampler.batch(step)
                yield torch.from_numpy(waveforms).to(self.device), torch.from_numpy(labels)
                bar.update()

    def learn_part(self, part: Detector, name: str, seed_offset: int = 0) -> None:
        """Have a part of the detector learn as it would alone; its name is unique among them.

        It has a checkpoint of its own, so that a fit that was killed has it go on, or finds it
        done. `seed_offset` makes a part differ from an equal one.
        """
        params = self.params
        checkpoint = self.checkpoint
        result = self.learn(
            part,
            self.train,
            self.dev,
            replace(
                params,
                detector=DetectorParams(part.name, part.options),
                training=replace(params.training, seed=params.training.seed + seed_offset),
            ),
            device=self.device,
            checkpoint=checkpoint and checkpoint.with_name(f"{checkpoint.stem}.{name}.pt"),
            on_epoch=self._report,
            progress=self.progress,
            world=self.world,
        )
        part.to(self.device).eval()
        if result is not None:
            _log.info("%s: dev EER %.2f %%", name, 100 * result.best_dev_eer)
            self.history.extend([self._renumbered(epoch) for epoch in result.history])

    def dev_scores(self, detector: Detector) -> Scores:
        """Scores of the first window of each dev clip."""
        return self._scores(detector, self.dev)

    def judged(self, detector: Detector, seconds: float) -> EpochResult:
        """The fit as one epoch and one step, after those of its parts."""
        rows = np.random.default_rng(self.params.training.seed).permutation(len(self.train))
        heard = self._scores(detector, self.train.take(np.sort(rows[:_HEARD])))
        dev = self.dev_scores(detector)
        weight = self.params.training.bonafide_weight
        return self._renumbered(
            EpochResult(
                epoch=1,
                step=1,
                train_loss=score_loss(heard.cm_scores, heard.is_bonafide, weight),
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

    def _report(self, epoch: EpochResult) -> None:
        if self.on_epoch is not None:
            self.on_epoch(self._renumbered(epoch))

    def _renumbered(self, epoch: EpochResult) -> EpochResult:
        """An epoch of a part or of the whole, after all of the parts before it."""
        step = self.history[-1].step if self.history else 0
        return replace(epoch, epoch=epoch.epoch + len(self.history), step=epoch.step + step)


def fit_detector(detector: FittedDetector, fitting: Fitting) -> TrainingResult:
    """Fit the detector; the result tells of the parts that have learnt, then of the whole.

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
    if fitting.on_epoch is not None and fitting.world.leads:
        fitting.on_epoch(whole)
    history = (*fitting.history, whole)
    return TrainingResult(whole.epoch, whole.dev_eer, whole.dev_loss, history, FITTED)


def refuse_steps(detector: FittedDetector, *given: object) -> None:
    """Raise InputError where anything is given that changes steps, of which there are none."""
    if any(each is not None for each in given):
        raise InputError(
            f"{detector.name}: it is fitted and not trained step by step; a detector that is "
            "trained by gradient expected"
        )
