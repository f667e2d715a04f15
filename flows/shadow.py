"""A look at the challenger: test what reviewers said, then promote it, drop it or go on."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect import flow

from flows import shadow_steps
from flows.alerting import tell
from flows.places import current_params, engine
from flows.rollout.challenger_state import ShadowState, describe, ended, find
from infra import registry
from infra.shadows import ShadowTerms


@flow(name="shadow-watch")
def shadow_watch() -> ShadowState:
    """Ask reviewers where both detectors disagree, test what they said, act where it decides."""
    database = engine()
    shadow_steps.carry_out_decisions(database)  # of a look that ended before it had acted
    challenger = registry.challenger()
    shadow = ShadowTerms.of(challenger) if challenger else None
    if shadow is None:
        return describe(database, challenger)
    findings = find(database, shadow)
    shadow_steps.ask_reviewers(database, findings, current_params().promotion.shadow_reviews)
    decision = shadow_steps.decide(database, findings, datetime.now(UTC))
    shadow_steps.keep_look(database, findings, decision)
    sentence = shadow_steps.carry_out_decisions(database)
    tell()
    return ended(shadow, sentence) if sentence else describe(database, registry.challenger())
