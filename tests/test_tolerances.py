"""The helper for bounds of rounding lets another order pass and an error not."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tolerances import assert_equal_but_for_rounding, rounding

TERMS = np.random.default_rng(1).random((50, 4_000)).astype(np.float32)
EXACT = TERMS.astype(np.float64).sum(axis=1)
PAIRWISE = TERMS.sum(axis=1)
ONE_BY_ONE = TERMS.cumsum(axis=1)[:, -1]


def test_a_sum_in_any_order_is_within_the_rounding_of_its_terms() -> None:
    for actual in (PAIRWISE, ONE_BY_ONE):
        np.testing.assert_allclose(actual, EXACT, rtol=rounding(4_000))
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(TERMS[:, 1:].sum(axis=1), EXACT, rtol=rounding(4_000))


def test_another_order_of_the_same_operations_passes() -> None:
    assert_equal_but_for_rounding(PAIRWISE, ONE_BY_ONE, EXACT)


def test_a_term_that_is_left_out_fails() -> None:
    with pytest.raises(AssertionError):
        assert_equal_but_for_rounding(TERMS[:, 1:].sum(axis=1), ONE_BY_ONE, EXACT)


def test_a_result_that_is_coarser_than_float32_fails_even_as_the_measure() -> None:
    coarse = EXACT.astype(np.float16)
    with pytest.raises(AssertionError, match="off by"):
        assert_equal_but_for_rounding(coarse, coarse, EXACT)
