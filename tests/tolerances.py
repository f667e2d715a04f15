"""Tolerances for floating-point results, from the dtype and the operations alone.

Processors, batch sizes and runtimes add and multiply in different orders, and each order rounds
differently. A bound that follows from dtype and operations holds for all of them.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

EPS = float(np.finfo(np.float32).eps)
SPREAD = 16.0  # ratio of the largest errors of two orders of the same operations
FEWEST_BITS = 14  # of the 24 of float32 that must be right


def rounding(operations: int, scale: float = 1.0, dtype: DTypeLike = np.float32) -> float:
    """Bound of the rounding error of this many consecutive operations on numbers up to `scale`.

    Each operation is off by half an eps at most. The errors have no common sign, so that n of them
    add up to less than 8 √n (Higham and Mary, SIAM J. Sci. Comput. 41, 2019).
    """
    return float(8.0 * np.sqrt(operations) * np.finfo(dtype).eps / 2.0 * scale)


def decibels(relative: float) -> float:
    """What a small relative difference of an amplitude is in dB."""
    return float(20.0 / np.log(10.0) * relative)


def in_float64(module: Any) -> Any:
    """A copy of a torch module that computes without the rounding of float32."""
    return copy.deepcopy(module).double()


def assert_equal_but_for_rounding(actual: Any, expected: Any, exact: Any, name: str = "") -> None:
    """Check two float32 results of one computation against each other.

    `exact` is the result in float64. The distance of `expected` from it measures the rounding error
    of the computation, well-conditioned or not; `actual` may be `SPREAD` times as far from it.
    """
    actual, expected, exact = (_float64(values) for values in (actual, expected, exact))
    scale = float(np.abs(exact).max())
    error = float(np.abs(expected - exact).max()) + EPS * scale
    assert error <= 2.0**-FEWEST_BITS * scale, f"{name}: off by {error:.1e} of {scale:.1e}"
    np.testing.assert_allclose(actual, exact, rtol=0, atol=SPREAD * error, err_msg=name)


def _float64(values: Any) -> NDArray[np.float64]:
    values = values.detach() if hasattr(values, "detach") else values
    return np.asarray(values, dtype=np.float64)
