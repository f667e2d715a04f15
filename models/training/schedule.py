"""The learning rate of a step."""

from __future__ import annotations

import math
from collections.abc import Callable

from models.params.training import TrainingParams
from models.tables import SCHEDULES as PLACES
from models.tables import LazyTable

_RISE = 0.3  # of one cycle
CYCLES = 4  # of triangular and restarts

# how far training is (0–1) -> where the rate is (0–1) between its lowest and its highest
Shape = Callable[[float], float]


def learning_rate(step: int, steps: int, training: TrainingParams) -> float:
    """Of step `step` of `steps`: a linear rise from zero, then the shape of the schedule.

    Where `final_learning_rate` is the higher one, as it may be for small steps from good weights,
    the rate stays.
    """
    highest = training.learning_rate
    lowest = min(training.final_learning_rate, highest)
    rising = round(training.schedule.warmup * steps)
    if step < rising:
        return highest * (step + 1) / (rising + 1)
    last = steps - rising - 1
    done = min((step - rising) / last, 1.0) if last > 0 else 0.0
    shape = SHAPES[training.schedule.shape]
    return lowest + (highest - lowest) * shape(done)


def constant(_done: float) -> float:
    """Stays."""
    return 1.0


def cosine(done: float) -> float:
    """Falls along half a cosine."""
    return 0.5 * (1.0 + math.cos(math.pi * done))


def one_cycle(done: float) -> float:
    """Rises for 30 % of the time, then falls, both along half a cosine (arXiv 1708.07120)."""
    if done < _RISE:
        return 1.0 - cosine(done / _RISE)
    return cosine((done - _RISE) / (1.0 - _RISE))


def triangular(done: float) -> float:
    """Rises and falls evenly, again and again (arXiv 1506.01186)."""
    return 1.0 - abs(2.0 * _within_cycle(done) - 1.0)


def restarts(done: float) -> float:
    """Falls along half a cosine, again and again from the top (arXiv 1608.03983)."""
    return cosine(_within_cycle(done))


def _within_cycle(done: float) -> float:
    """How much (0–1) of its cycle is done; the end belongs to the last one."""
    place = done * CYCLES
    return place - min(math.floor(place), CYCLES - 1)


SHAPES: LazyTable[Shape] = LazyTable(PLACES)
