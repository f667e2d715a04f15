"""A training of a given length: the cost of a step and of a look at dev, and how many fit.

The schedule of a learning rate has to know its end, so a budget is turned into steps before the
training begins. It counts the time of the processor, summed over its cores: other programs on the
machine do not change it, nor how well a detector spreads over cores. On a GPU, whose work the
processor does not do, it counts the clock.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
import torch

from models.compute.memory_format import channels_innermost
from models.data.clips import Clips
from models.detectors import Detector
from models.errors import InputError
from models.params.learning import AveragingParams, GrowthParams
from models.params.training import TrainingParams
from models.params.tree import Params
from models.training.averaging import NORM_STEPS
from models.training.scoring import score_clips
from models.training.train import Execution, train

MEASURED_STEPS = 3
MEASURED_CLIPS = 16  # of dev, half of each class
LOOKS = 20  # at dev, at most
SHARE_OF_LOOKS = 0.2  # of the budget, where one look does not cost more
FORWARD_SHARE = 1 / 3  # of a step; the rest is the way back


@dataclass(frozen=True)
class TrainingCost:
    """Seconds of the budget's clock."""

    step: float
    look: float  # at dev, at the end of an epoch

    def least(self, other: TrainingCost) -> TrainingCost:
        """The lower of both: other load on the machine only adds to a measurement."""
        return TrainingCost(min(self.step, other.step), min(self.look, other.look))


def clock_of(device: str) -> Callable[[], float]:
    """The clock of a budget, in seconds from any beginning."""
    return time.perf_counter if torch.device(device).type == "cuda" else time.process_time


def learners_of(detector: Detector) -> list[Detector]:
    """The detectors that take steps: this one or its members; none where all is estimated."""
    inner = [m for m in detector.modules() if isinstance(m, Detector) and m is not detector]
    inner_weights = {id(weight) for part in inner for weight in part.parameters()}
    own_weights = {id(weight) for weight in detector.parameters() if weight.requires_grad}
    if own_weights - inner_weights:
        return [detector]
    deeper = {id(module) for part in inner for module in part.modules() if module is not part}
    members = [part for part in inner if id(part) not in deeper]
    return [learner for member in members for learner in learners_of(member)]


def measure_cost(
    detector: Detector, train_clips: Clips, dev: Clips, params: Params, device: str
) -> TrainingCost | None:
    """What this detector costs here, of several that take steps the sum; None where none does.

    It has learnt a little afterwards, so build it anew. Raises InputError as training does.
    """
    costs = [_cost(learner, train_clips, dev, params, device) for learner in learners_of(detector)]
    if not costs:
        return None
    return TrainingCost(sum(cost.step for cost in costs), sum(cost.look for cost in costs))


def _cost(
    detector: Detector, train_clips: Clips, dev: Clips, params: Params, device: str
) -> TrainingCost:
    clock, some = clock_of(device), _of_each_class(dev, MEASURED_CLIPS // 2)
    training = replace(
        params.training, epochs=MEASURED_STEPS + 1, steps_per_epoch=1,
        patience=MEASURED_STEPS + 1, averaging=AveragingParams(), growth=GrowthParams(),
    )  # fmt: skip
    ends = [clock()]
    with _without_log():
        train(
            detector,
            train_clips,
            _of_each_class(dev, 1),
            replace(params, training=training),
            run=Execution(device=device, on_epoch=lambda _: ends.append(clock())),
        )
    # the first step pays for what is made once; a look at two clips is in each of them
    step = float(median(np.diff(ends)[1:]))
    beginnings = some.beginnings(params.window.samples)
    with channels_innermost([detector]):
        score_clips(detector, beginnings.take([0]), params.window, device)
        began = clock()
        score_clips(detector, beginnings, params.window, device)
    look = (clock() - began) * len(dev) / len(some)
    averaging = params.training.averaging  # learns batch norm anew at each look
    norms = NORM_STEPS * FORWARD_SHARE * step if averaging.kind != "none" else 0.0
    return TrainingCost(step, look + norms)


def fit_into(
    budget_s: float, cost: TrainingCost | None, training: TrainingParams
) -> TrainingParams:
    """The training with the epochs and steps that cost `budget_s` seconds, and none left out.

    Without a cost it is as it was: what is estimated takes the time that it takes.

    An epoch ends with a look at dev. There are LOOKS of them at most, and fewer where they would
    take more than SHARE_OF_LOOKS of the budget. Raises InputError where not even one step fits.
    """
    if cost is None:
        return training
    looks = int(max(1, min(LOOKS, SHARE_OF_LOOKS * budget_s // cost.look)))
    steps = int((budget_s - looks * cost.look) / cost.step / looks)
    if steps < 1:
        raise InputError(
            f"budget: at least {(cost.look + cost.step) / 60:.2g} minutes expected for one step "
            f"and one look at dev, found {budget_s / 60:.2g}"
        )
    return replace(training, epochs=looks, steps_per_epoch=steps, patience=looks)


def _of_each_class(dev: Clips, most: int) -> Clips:
    """The first clips of both classes."""
    return dev.take([*np.flatnonzero(dev.bonafide)[:most], *np.flatnonzero(~dev.bonafide)[:most]])


@contextmanager
def _without_log() -> Iterator[None]:
    """Silence the training loop: steps that are measured are not a training."""
    log = logging.getLogger("models.training.loop")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before
