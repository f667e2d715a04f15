"""A look at the challenger: test what reviewers said, then promote it, drop it or go on."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from prefect import flow
from sqlalchemy import Engine

from flows.places import current_params, engine, fetch_version
from flows.rollout.challenger_state import Findings, ShadowState, describe, ended, find
from flows.rollout.challengers import dismiss, mark_ended
from flows.rollout.rollout import RolloutState, hand_over
from infra import field_samples, ledger, registry, shadows
from infra.errors import ConflictError
from infra.field_samples import SampleState
from infra.settings import settings
from infra.shadows import GO_ON, Disagreement, Shadow
from infra.tables import ShadowLook
from models.errors import InputError
from models.promotion.sequential import SequentialDecision

log = logging.getLogger("antiphon.shadow")

PROMOTE, DROP = SequentialDecision.PROMOTE.value, SequentialDecision.DROP.value
UNDECIDED = (SampleState.FLAGGED, SampleState.IN_REVIEW)


@flow(name="shadow-watch")
def shadow_watch() -> ShadowState:
    """Ask reviewers where both detectors disagree, test what they said, act where it decides."""
    database = engine()
    carry_out_decisions(database)  # of a look that ended before it had acted
    challenger = registry.challenger()
    shadow = Shadow.of(challenger) if challenger else None
    if shadow is None:
        return describe(database, challenger)
    found = find(database, shadow)
    ask_reviewers(database, shadow, found.disagreements, current_params().promotion.shadow_reviews)
    decision, reason = decide(database, shadow, found, datetime.now(UTC))
    if found.new or decision != GO_ON:
        try:
            shadows.keep_look(database, _look(shadow, found, decision, reason))
        except ConflictError as error:
            log.info("%s", error)
    sentence = carry_out_decisions(database)
    return ended(shadow, sentence) if sentence else describe(database, registry.challenger())


def ask_reviewers(database: Engine, shadow: Shadow, found: list[Disagreement], at_most: int) -> int:
    """Flag recordings of which both say different things, until `at_most` wait; returns how many.

    Neither detector is favoured: all are asked about in the order they were heard, and whose answer
    is put as the claim is left to a hash.
    """
    room = at_most - sum(item.state in UNDECIDED for item in found)
    unasked = [item for item in found if item.sample_id is None and item.kept]
    asked = 0
    for item in unasked[: max(room, 0)]:
        claim = item.champion if int(item.audio_sha256[:2], 16) % 2 else item.challenger
        said = (
            f"version {shadow.champion} says {item.champion}, version {shadow.version} in shadow "
            f"says {item.challenger}: accept with what it is"
        )
        try:
            field_samples.flag(database, item.request_id, claim, comment=said)
            asked += 1
        except ConflictError:  # somebody has flagged it meanwhile
            continue
    if asked:
        log.info("%d recordings wait for reviewers: both versions disagree on them", asked)
    return asked


def decide(database: Engine, shadow: Shadow, found: Findings, now: datetime) -> tuple[str, str]:
    """The decision of one look, and why."""
    champion = registry.champion()
    if champion is None or champion.version != shadow.champion:
        if ledger.running_cycle(database):
            return GO_ON, "a cycle may be rolling out; the champion is looked at again after it"
        now_is = f"version {champion.version}" if champion else "none"
        return DROP, f"it was compared with version {shadow.champion}; the champion is {now_is} now"
    if found.test.decision != GO_ON:
        return found.test.decision.value, found.sentence
    if now >= shadow.deadline:
        return DROP, f"its time ran out: {found.sentence}"
    return GO_ON, found.sentence


def carry_out_decisions(database: Engine) -> str | None:
    """Do what looks have decided and nobody is doing; the sentence of the last, or None."""
    sentence = None
    while look := shadows.claim_decision(database, settings().lease_s):
        sentence = _promote(look) if look.decision == PROMOTE else _drop(look, look.reason)
        shadows.carried_out(database, look)
    return sentence


def _promote(look: ShadowLook) -> str:
    """Through the same code as a cycle: the golden vectors, the alias, the endpoint."""
    version = look.model_version
    try:
        _check_golden(version)
    except InputError as error:
        return _drop(look, f"reviewers prefer it, but it fails its golden vectors: {error}")
    rollout = hand_over(version, look.champion, _actor(look))
    if rollout is None:
        return _drop(look, f"reviewers prefer it, but version {look.champion} is replaced already")
    if rollout.state is RolloutState.REFUSED:
        return _drop(look, f"reviewers prefer it, but {rollout.sentence}")
    mark_ended(version, "promoted", f"{look.reason}; {rollout.sentence}", _actor(look))
    return f"version {version} is the champion: {look.reason}; {rollout.sentence}"


def _check_golden(version: int) -> None:
    from flows.candidate.detector_folders import open_exported

    folder, _ = fetch_version(version)
    open_exported(folder).check_golden()


def _drop(look: ShadowLook, reason: str) -> str:
    dismiss(look.model_version, reason, _actor(look))
    return f"version {look.model_version} is dropped: {reason}"


def _actor(look: ShadowLook) -> str:
    return f"shadow-watch, look {look.number}"


def _look(shadow: Shadow, found: Findings, decision: str, reason: str) -> ShadowLook:
    values: dict[str, Any] = {
        "shadow_id": shadow.id,
        "number": len(found.looks) + 1,
        "looked_at": datetime.now(UTC),
        "model_version": shadow.version,
        "champion": shadow.champion,
        "recordings": [item.audio_sha256 for item in found.new],
        "gains": found.gains,
        "e_value": found.test.e_value,
        "decision": decision,
        "reason": reason,
    }
    return ShadowLook(**values)
