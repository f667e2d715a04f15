"""One fold: train, stop by dev, and score the eval trials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from models.adversarial.hardening import harden
from models.compute.memory_format import channels_innermost
from models.data.clips import Clips
from models.data.folds import Fold
from models.detectors import Detector
from models.evaluation.scores import Scores
from models.params.tree import Params
from models.training.features import FeatureCache
from models.training.scoring import score_clips
from models.training.train import Execution, seed_everything, train


@dataclass(frozen=True)
class Place:
    """The device and the checkpoints of a fold."""

    device: str | torch.device = "cpu"
    checkpoints: Path | None = None  # a folder, from which a killed training resumes
    progress: bool = False
    features: FeatureCache | None = None  # of fronts that do not learn

    def execution(self, stage: str) -> Execution:
        """How a stage is carried out here, with a checkpoint of its own."""
        return Execution(
            device=self.device,
            checkpoint=self.checkpoints / f"{stage}.pt" if self.checkpoints else None,
            progress=self.progress,
            features=self.features,
        )


def judge_fold(
    clips: Clips,
    fold: Fold,
    params: Params,
    start: Callable[[], Detector],
    place: Place | None = None,
) -> Scores:
    """Scores of the clips that the fold holds out, by a detector that has learnt from the others.

    `start` gives the detector with its first weights, after the seed of `params.training` is set.
    Where `adversarial.epochs` is not 0, the detector is hardened as in a cycle. Nothing of what is
    judged is looked at before. Raises InputError as training does.
    """
    place = place or Place()
    detector = learnt_detector(clips.take(fold.train), clips.take(fold.dev), params, start, place)
    judged = clips.take(fold.eval)
    with channels_innermost([detector]):
        return score_clips(
            detector, judged, params.window, place.device,
            progress=place.progress, cache=place.features,
        )  # fmt: skip


def learnt_detector(
    train_clips: Clips, dev: Clips, params: Params, start: Callable[[], Detector], place: Place
) -> Detector:
    """What `start` gives, trained, and hardened where `adversarial.epochs` is not 0."""
    seed_everything(params.training.seed)
    detector = start()
    train(detector, train_clips, dev, params, run=place.execution("train"))
    harden(detector, train_clips, dev, params, run=place.execution("adversarial"))
    return detector


def with_seed(params: Params, number: int) -> Params:
    """The same params, with the seed of training `number` further on."""
    seed = params.training.seed_after(number)
    return replace(params, training=replace(params.training, seed=seed))
