"""How far two computations of the same number may lie apart.

What takes several steps in floating point is off by the rounding of each, and in another order,
that of another processor, batch size or runtime, it is off otherwise. Bounds here follow from the
dtype and from the operations.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

EPS = float(np.finfo(np.float32).eps)
SPREAD = 16.0  # how much further off one order of the same operations may be than another
FEWEST_BITS = 14  # of the 24 of float32: what keeps fewer is wrong, and not rounded


def rounding(operations: int, scale: float = 1.0, dtype: DTypeLike = np.float32) -> float:
    """Bound of the error of so many operations, one after the other, on numbers of this size.

    Each is off by half an eps at most. Their errors have no common sign: they add up to less than
    eight times the root of their number (Higham and Mary, SIAM J. Sci. Comput. 41, 2019).
    """
    return float(8.0 * np.sqrt(operations) * np.finfo(dtype).eps / 2.0 * scale)


def decibels(relative: float) -> float:
    """What a small relative difference of an amplitude is in dB."""
    return float(20.0 / np.log(10.0) * relative)


def in_float64(module: Any) -> Any:
    """A copy of a torch module that computes without the rounding of float32."""
    return copy.deepcopy(module).double()


def assert_equal_but_for_rounding(
    found: Any, expected: Any, exact: ArrayLike | Any, what: str = ""
) -> None:
    """`found` and `expected` are one computation in float32, and `exact` is it in float64.

    How far `expected` lies from `exact` is what rounding does to these operations in one order,
    however well or badly conditioned they are; `found` may lie `SPREAD` times as far.
    """
    found, expected, exact = (_float64(values) for values in (found, expected, exact))
    scale = float(np.abs(exact).max())
    error = float(np.abs(expected - exact).max()) + EPS * scale
    assert error <= 2.0**-FEWEST_BITS * scale, f"{what}: off by {error:.1e} of {scale:.1e}"
    np.testing.assert_allclose(found, exact, rtol=0, atol=SPREAD * error, err_msg=what)


def _float64(values: Any) -> NDArray[np.float64]:
    values = values.detach() if hasattr(values, "detach") else values
    return np.asarray(values, dtype=np.float64)
