"""The helper for tests of a rate refuses to be a test that cannot fail."""

from __future__ import annotations

import pytest

from tests.rates import at_least, at_most


def test_so_few_draws_that_a_wrong_rate_would_pass_are_refused() -> None:
    with pytest.raises(ValueError, match=r"more than 40 draws .* 0\.09 in place of 0\.03 is 0\.06"):
        at_most(0.03, 40, wrong=0.09)
    with pytest.raises(ValueError, match=r"more than 40 draws expected"):
        at_least(0.97, 40, wrong=0.91)


def test_a_bound_lies_between_the_right_rate_and_the_wrong_one() -> None:
    assert 0.03 * 320 < at_most(0.03, 320, wrong=0.09) < 0.09 * 320
    assert 0.91 * 320 < at_least(0.97, 320, wrong=0.91) < 0.97 * 320
