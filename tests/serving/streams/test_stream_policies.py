"""A stream that names no policy is judged by that of its line."""

from __future__ import annotations

import pytest

from models.errors import InputError
from models.evaluation.policies import Policies, Policy
from serving.streams.policies import policy_for
from serving.streams.steps import OpenStep

TABLE = Policies({name: Policy(name, -1.0, 1.0) for name in ("default", "telephone", "strict")})


@pytest.mark.parametrize(
    ("rate", "policy", "expected"),
    [
        (8_000, None, "telephone"),
        (16_000, None, "default"),
        (8_000, "strict", "strict"),
    ],
)
def test_a_telephone_line_has_its_own_policy(rate: int, policy: str | None, expected: str) -> None:
    assert policy_for(OpenStep("mulaw", rate, (None,), policy=policy), TABLE).name == expected


def test_a_version_without_one_judges_a_telephone_line_by_its_default() -> None:
    alone = Policies({"default": Policy("default", 0.0, 0.0)})
    assert policy_for(OpenStep("mulaw", 8_000, (None,)), alone).name == "default"


def test_a_policy_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(InputError, match="no policy named 'x'; known: default, strict, telephone"):
        policy_for(OpenStep("mulaw", 8_000, (None,), policy="x"), TABLE)
