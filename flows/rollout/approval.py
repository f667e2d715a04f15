"""A winner is promoted at once, or waits for a person: by params.yaml, or while that is paused."""

from __future__ import annotations

import logging
from contextlib import ExitStack

from flows import audit_trail
from flows.places import engine
from flows.rollout.rollout import Rollout, RolloutState, hand_over
from infra import registry
from infra.access.approvals import (
    ApprovalDecision,
    decide,
    reopen,
    waiting_approval,
    want_approval,
)
from infra.access.pauses import current_pause
from infra.access.tables import Approval
from infra.errors import AbsentError, ConflictError
from models.params.promotion import PromotionParams

log = logging.getLogger("antiphon.cycle")


def promote(
    version: int, champion: int | None, rules: PromotionParams, verdict: str, actor: str
) -> Rollout | None:
    """Hand over to a winner, or let it wait for a person.

    None where the alias does not point at the compared champion any more.
    """
    why = why_a_person_decides(rules)
    if why is None:
        return hand_over(version, champion, actor)
    current = registry.champion()
    if (current.version if current else None) != champion:
        return None
    if want_approval(engine(), version, champion, verdict, actor):
        audit_trail.approval_wanted(version, champion, why, actor)
    detail = f"version {version} waits for a person ({why}): `antiphon approve {version}`"
    log.warning(detail)
    return Rollout(RolloutState.WAITS, version, detail)


def why_a_person_decides(rules: PromotionParams) -> str | None:
    """The reason; None where promotion is automatic."""
    pause = current_pause(engine())
    if pause is not None:
        return f"{pause.begun_by} has paused automatic promotion: {pause.reason}"
    return "promotion.approval is manual" if rules.approval == "manual" else None


def approve(version: int | None, actor: str) -> Rollout:
    """Promote the version that waits, through the same code as a cycle.

    `version` None: whichever waits. Raises AbsentError where none waits, ConflictError where it
    was compared with another champion than today's, or somebody decides at the same time.
    """
    waiting = _waiting(version)
    current = registry.champion()
    number = current.version if current else None
    if number != waiting.champion:
        decide(engine(), waiting.version, ApprovalDecision.SUPERSEDED, actor)
        raise ConflictError(_overtaken(waiting.version, waiting.champion, number))
    decide(engine(), waiting.version, ApprovalDecision.APPROVED, actor)
    with ExitStack() as undo:
        undo.callback(reopen, engine(), waiting.version)
        audit_trail.approved(waiting.version, waiting.champion, actor)
        rollout = hand_over(waiting.version, waiting.champion, actor)
        undo.pop_all()
    if rollout is None:
        raise ConflictError(
            f"the champion was moved meanwhile: version {waiting.version} stays out"
        )
    return rollout


def decline(version: int | None, actor: str) -> int:
    """Leave the version that waits unpromoted; returns its number."""
    waiting = _waiting(version)
    decide(engine(), waiting.version, ApprovalDecision.DECLINED, actor)
    audit_trail.declined(waiting.version, waiting.champion, actor)
    return waiting.version


def _waiting(version: int | None) -> Approval:
    waiting = waiting_approval(engine())
    if waiting is None:
        raise AbsentError("no version waits for a person")
    if version is not None and waiting.version != version:
        raise AbsentError(
            f"version {version} does not wait for a person; version {waiting.version} does"
        )
    return waiting


def _overtaken(version: int, compared: int | None, now: int | None) -> str:
    return (
        f"version {version} was compared with {_named(compared)}, and the champion is "
        f"{_named(now)} now: its verdict says nothing about that one; a new cycle compares them"
    )


def _named(version: int | None) -> str:
    return "no champion" if version is None else f"version {version}"
