"""Detectors that are fitted: their weights are estimated, not found by steps along a gradient."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.compute.distributed import World
from models.data.clips import Clips
from models.detectors.detector import Detector
from models.params.tree import Params


def estimated(first: Tensor) -> nn.Parameter:
    """A weight that takes no gradient: counted, stored and exported like any other."""
    return nn.Parameter(first, requires_grad=False)


@dataclass(frozen=True)
class Examples:
    """Train clips as a fixed front describes them, once for each pass over train."""

    features: NDArray[np.float32]  # (passes * clips, d); whoever fits may overwrite them
    bonafide: NDArray[np.bool_]  # (passes * clips,)
    weights: NDArray[np.float64]  # (passes * clips,) above 0, their mean is 1


class Fitting(Protocol):
    """What a fit works with: clips, params, and the training, scoring and loading of parts.

    All processes of `world` have the same but for `device`, and call the same methods in the same
    order; only `crops` may be called by one process alone.
    """

    @property
    def train(self) -> Clips:
        """Clips to fit on."""

    @property
    def dev(self) -> Clips:
        """Clips to choose by."""

    @property
    def params(self) -> Params:
        """Params of the whole training."""

    @property
    def device(self) -> torch.device:
        """Where the detector computes."""

    @property
    def world(self) -> World:
        """The processes of this training."""

    def crops(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Waveforms (b, samples) on the device and labels (b,): one pass over train.

        They are drawn, augmented and cleaned as in training by gradient. Raises InputError where a
        class is missing.
        """

    def examples(
        self, features: Callable[[Tensor], Tensor], dimensions: int, passes: int
    ) -> Examples:
        """`features` (b, dimensions) of a crop of each train clip, in each of `passes` passes.

        Crops are cut, augmented and cleaned as in training by gradient. Weights do what balanced
        batches do: both classes weigh the same and, with `training.balanced`, attacks and the
        groups of `training.bonafide_evenly` within them. All processes call it, each computes its
        share, and all have the whole. Raises InputError where a class is missing.
        """

    def learn_part(self, part: Detector, name: str, seed_offset: int = 0) -> None:
        """Train a part of the detector as it would be trained alone; `name` is unique among parts.

        `seed_offset` makes a part differ from an equal one.
        """

    def dev_cm_scores(self, detector: Detector) -> NDArray[np.float64]:
        """cm_scores (clips,) of the first window of each dev clip."""

    def cm_scores(self, detector: Detector, clips: Clips) -> NDArray[np.float64]:
        """cm_scores (clips,) of the first window of each clip."""

    def with_clips(self, train: Clips, dev: Clips) -> Fitting:
        """The same, with other clips to fit on and to choose by."""

    def load_detector(self, folder: Path) -> Detector:
        """The trained detector of a folder; raises InputError where there is none."""


class FittedDetector(Detector):
    """A detector whose weights `fit` estimates; training calls it in place of its own steps.

    The weights are made by `estimated(…)`, so no optimiser changes them.
    """

    @abstractmethod
    def fit(self, fitting: Fitting) -> None:
        """Estimate everything anew from `fitting`, on the detector's device.

        Called in all processes of a training at once; afterwards all have the weights of the
        leading one. An interrupted fit starts again from the beginning: the same clips and params
        give the same result. Raises InputError where the clips do not suffice.
        """

    @property
    def hardens(self) -> bool:
        """Whether fitting with `harden` as the training makes a part of it more robust."""
        return False
