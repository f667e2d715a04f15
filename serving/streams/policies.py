"""The policy of a stream."""

from __future__ import annotations

from models.evaluation.policies import Policies, Policy
from models.params.calibration import DEFAULT_POLICY
from serving.streams.steps import OpenStep

TELEPHONE, TELEPHONE_RATE = "telephone", 8_000  # Hz


def policy_for(opening: OpenStep, policies: Policies) -> Policy:
    """The policy that a client names; else that of telephones at their rate, or the default.

    Raises InputError with the names that there are.
    """
    if opening.policy is not None:
        return policies.named(opening.policy)
    is_telephone = opening.rate <= TELEPHONE_RATE and TELEPHONE in policies.names
    return policies.named(TELEPHONE if is_telephone else DEFAULT_POLICY)
