"""The learning rate of a step."""

from __future__ import annotations

import math


def cosine_rate(step: int, steps: int, first: float, last: float) -> float:
    """From `first` at step 0 to `last` at step `steps` − 1 along half a cosine."""
    if steps <= 1:
        return first
    done = min(step / (steps - 1), 1.0)
    return last + (first - last) * 0.5 * (1.0 + math.cos(math.pi * done))
