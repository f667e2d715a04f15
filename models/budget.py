"""A training of a given length: what a step and a look at dev cost, and how many of them fit.

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

from models.clips import Clips
from models.detectors import Detector
from models.errors import InputError
from models.learning_params import AveragingParams, GrowthParams
from models.params import Params, TrainingParams
from models.scoring import score_clips
from models.training import train

MEASURED_STEPS = 3
MEASURED_CLIPS = 16  # of dev, of each class at most half
LOOKS = 20  # at dev, at most
SHARE_OF_LOOKS = 0.2  # of the budget, where one look does not cost more
FORWARD_SHARE = 1 / 3  # of a step; the rest is the way back


@dataclass(frozen=True)
class Cost:
    """Seconds of the budget's clock."""

    step: float
    look: float  # at dev, at the end of an epoch


def clock_of(device: str) -> Callable[[], float]:
    """What a budget counts, in seconds from any beginning."""
    return time.perf_counter if torch.device(device).type == "cuda" else time.process_time


def measure_cost(
    detector: Detector, learnt: Clips, dev: Clips, params: Params, device: str
) -> Cost:
    """What this detector costs here; it has learnt a little afterwards, so build it anew.

    Raises InputError as training does.
    """
    clock, few = clock_of(device), _few(dev)
    training = replace(
        params.training, epochs=MEASURED_STEPS + 1, steps_per_epoch=1,
        patience=MEASURED_STEPS + 1, averaging=AveragingParams(), growth=GrowthParams(),
    )  # fmt: skip
    ends = [clock()]
    with _without_log():
        train(
            detector, learnt, few, replace(params, training=training),
            device=device, on_epoch=lambda _: ends.append(clock()),
        )  # fmt: skip
    score_clips(detector, few.take([0]), params.window, device)
    began = clock()
    score_clips(detector, few.beginnings(params.window.samples), params.window, device)
    few_looked_at = clock() - began
    # the first step pays for what is made once
    step = max(float(median(np.diff(ends)[1:])) - few_looked_at, 1e-6)
    averaged = training_has_average(params.training)
    norms = params.training.averaging.norm_steps * FORWARD_SHARE * step if averaged else 0.0
    return Cost(step, few_looked_at * len(dev) / len(few) + norms)


def training_has_average(training: TrainingParams) -> bool:
    """Whether batch norm is learnt anew at each look."""
    return training.averaging.kind != "none"


def fit_into(budget_s: float, cost: Cost, training: TrainingParams) -> TrainingParams:
    """The training with the epochs and steps that cost `budget_s` seconds, and none left out.

    An epoch ends with a look at dev. There are LOOKS of them at most, and fewer where they would
    take more than SHARE_OF_LOOKS of the budget. Raises InputError where not even one step fits.
    """
    looks = int(max(1, min(LOOKS, SHARE_OF_LOOKS * budget_s // cost.look)))
    steps = int((budget_s - looks * cost.look) / cost.step / looks)
    if steps < 1:
        raise InputError(
            f"budget: at least {(cost.look + cost.step) / 60:.2g} minutes expected for one step "
            f"and one look at dev, found {budget_s / 60:.2g}"
        )
    return replace(training, epochs=looks, steps_per_epoch=steps, patience=looks)


def _few(dev: Clips) -> Clips:
    """Some clips of each class."""
    half = MEASURED_CLIPS // 2
    return dev.take([*np.flatnonzero(dev.bonafide)[:half], *np.flatnonzero(~dev.bonafide)[:half]])


@contextmanager
def _without_log() -> Iterator[None]:
    """What is measured is no training that anybody follows."""
    log = logging.getLogger("models.training_loop")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before
