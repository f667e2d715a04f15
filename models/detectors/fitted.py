"""Detectors that are fitted: their weights are estimated, not found by steps along a gradient."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from torch import Tensor, nn

from models.detectors.detector import Detector

if TYPE_CHECKING:
    from models.training.fitting import Fitting


def estimated(first: Tensor) -> nn.Parameter:
    """A weight that takes no gradient: counted, stored and exported like any other."""
    return nn.Parameter(first, requires_grad=False)


class FittedDetector(Detector):
    """A detector that `models.training.train.train` has fitted where it would train another one.

    What is estimated are weights, `estimated(…)`: no optimiser touches them.
    """

    @abstractmethod
    def fit(self, fitting: Fitting) -> None:
        """Estimate everything anew from `fitting`, on the detector's device.

        Called in all processes of a training at once; afterwards all have what the leading one has
        found. What was interrupted is fitted again from the beginning: the same clips and params
        give the same result. Raises InputError where the clips do not suffice.
        """

    @property
    def hardens(self) -> bool:
        """Whether fitting with `harden` as the way to learn makes anything of it more robust."""
        return False
