"""Bounds for tests of a rate, with enough draws to detect a rate that is wrong."""

from __future__ import annotations

from scipy.stats import binom

UNLUCKY = 1e-3  # chance at most that the right rate fails, under another seed
POWER = 0.95  # chance at least that the wrong rate fails


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
            f"more than {draws} draws expected: the power against a rate of {wrong:g} in place of "
            f"{rate:g} is {power:.2f} only, {POWER} expected"
        )
