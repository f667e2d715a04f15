"""Tests of a rate: how often something may happen, in so many draws that a wrong rate is told."""

from __future__ import annotations

from scipy.stats import binom

UNLUCKY = 1e-3  # chance that a rate which is right fails, under another seed
POWER = 0.95  # chance at least that the rate which a test is there to find fails


def at_most(rate: float, draws: int, *, wrong: float) -> int:
    """The largest count that passes for `rate`; `wrong` is a higher rate that must not pass.

    Raises where so few draws would let `wrong` pass with a chance above 1 - POWER.
    """
    bound = int(binom.isf(UNLUCKY, draws, rate))
    _require(float(binom.sf(bound, draws, wrong)), rate, draws, wrong)
    return bound


def at_least(rate: float, draws: int, *, wrong: float) -> int:
    """The smallest count that passes for `rate`; `wrong` is a lower rate that must not pass."""
    bound = int(binom.ppf(UNLUCKY, draws, rate))
    _require(float(binom.cdf(bound - 1, draws, wrong)), rate, draws, wrong)
    return bound


def _require(power: float, rate: float, draws: int, wrong: float) -> None:
    if power < POWER:
        raise ValueError(
            f"more than {draws} draws expected: they tell a rate of {rate:g} from {wrong:g} "
            f"with a chance of {power:.2f} only"
        )
