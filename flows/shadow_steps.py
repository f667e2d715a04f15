"""The steps of the shadow watch."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine

from flows.candidate.detector_folders import open_exported
from flows.places import current_params, fetch_version
from flows.rollout.approval import promote
from flows.rollout.challenger_state import Findings
from flows.rollout.challengers import dismiss, mark_ended
from flows.rollout.rollout import RolloutState
from infra import field_samples, ledger, registry, shadows
from infra.errors import ConflictError
from infra.field_samples import OPEN, Origin
from infra.settings import settings
from infra.shadows import GO_ON
from infra.tables import ShadowLook
from models.errors import InputError
from models.promotion.sequential import SequentialDecision

log = logging.getLogger("antiphon.shadow")

PROMOTE, DROP = SequentialDecision.PROMOTE.value, SequentialDecision.DROP.value


@dataclass(frozen=True)
class LookDecision:
    """What one look at the challenger decided."""

    decision: str  # PROMOTE, DROP or GO_ON
    reason: str


def ask_reviewers(database: Engine, findings: Findings, at_most: int) -> int:
    """Flag first calls on which the two disagree, until `at_most` wait; returns how many.

    Neither detector is favoured: all are asked about in the order they were heard, and whose answer
    is put as the claim is left to a hash.
    """
    disagreements, shadow = findings.disagreements, findings.shadow
    room = at_most - sum(item.state in OPEN for item in disagreements)
    unasked = [item for item in disagreements if item.sample_id is None and item.has_audio]
    flagged = 0
    for item in unasked[: max(room, 0)]:
        claim = item.champion if int(item.audio_sha256[:2], 16) % 2 else item.challenger
        comment = (
            f"version {shadow.champion} says {item.champion}, version {shadow.version} in shadow "
            f"says {item.challenger}"
        )
        with suppress(ConflictError):  # somebody has flagged it meanwhile
            field_samples.flag(
                database, item.request_id, claim, comment=comment, origin=Origin.DISAGREEMENT
            )
            flagged += 1
    if flagged:
        log.info("%d recordings flagged for review: the two versions disagree on them", flagged)
    return flagged


def decide(database: Engine, findings: Findings, now: datetime) -> LookDecision:
    """Whether the challenger is promoted, dropped or watched on, and why."""
    champion, shadow = registry.champion(), findings.shadow
    if champion is None or champion.version != shadow.champion:
        if ledger.running_cycle(database):
            why = "a cycle may be rolling out; the champion is looked at again after it"
            return LookDecision(GO_ON, why)
        before, after = (
            f"version {shadow.champion}",
            f"version {champion.version}" if champion else "none",
        )
        return LookDecision(DROP, f"it was compared with {before}; the champion is {after} now")
    if findings.test.decision != GO_ON:
        return LookDecision(findings.test.decision.value, findings.sentence)
    if now >= shadow.deadline:
        return LookDecision(DROP, f"its time ran out: {findings.sentence}")
    return LookDecision(GO_ON, findings.sentence)


def keep_look(database: Engine, findings: Findings, decision: LookDecision) -> None:
    """Write a look down where labels are new or it ends the shadow."""
    if not findings.new and decision.decision == GO_ON:
        return
    look = ShadowLook(
        shadow_id=findings.shadow.id,
        number=len(findings.looks) + 1,
        looked_at=datetime.now(UTC),
        model_version=findings.shadow.version,
        champion=findings.shadow.champion,
        recordings=[name for observation in findings.new for name in observation.recordings],
        gains=[observation.gain for observation in findings.new],
        e_value=findings.test.e_value,
        decision=decision.decision,
        reason=decision.reason,
    )
    try:
        shadows.keep_look(database, look)
    except ConflictError as error:  # another watch was first
        log.info("%s", error)


def carry_out_decisions(database: Engine) -> str | None:
    """Do what looks have decided and nobody is doing; the sentence of the last, or None."""
    sentence = None
    while look := shadows.claim_decision(database, settings().lease_s):
        sentence = _promote(look) if look.decision == PROMOTE else _drop(look, look.reason)
        if sentence is None:
            continue  # claimed again by a later watch, once this claim has run out
        shadows.carried_out(database, look)
    return sentence


def _promote(look: ShadowLook) -> str | None:
    """Through the same code as a cycle; None where the endpoint has not confirmed it yet."""
    version = look.model_version
    try:
        open_exported(fetch_version(version)[0]).check_golden()
    except InputError as error:
        return _drop(look, f"reviewers prefer it, but it fails its golden vectors: {error}")
    rules = current_params().promotion
    rollout = promote(version, look.champion, rules, look.reason, _actor(look))
    if rollout is None:
        return _drop(look, f"reviewers prefer it, but version {look.champion} is replaced already")
    if rollout.state is RolloutState.UNCONFIRMED:
        return None
    if rollout.state is RolloutState.WAITS:
        registry.drop_challenger(version)
        mark_ended(version, "approval wanted", f"{look.reason}; {rollout.detail}", _actor(look))
        return f"{rollout.detail}: {look.reason}"
    if rollout.state is RolloutState.REFUSED:
        return _drop(look, f"reviewers prefer it, but {rollout.sentence}")
    mark_ended(version, "promoted", f"{look.reason}; {rollout.sentence}", _actor(look))
    return f"version {version} is the champion: {look.reason}; {rollout.sentence}"


def _drop(look: ShadowLook, reason: str) -> str:
    dismiss(look.model_version, reason, _actor(look))
    return f"version {look.model_version} is dropped: {reason}"


def _actor(look: ShadowLook) -> str:
    return f"shadow-watch, look {look.number}"
