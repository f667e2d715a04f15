"""How a version comes to run in shadow, and how it leaves."""

from __future__ import annotations

import logging
from contextlib import ExitStack

from flows import audit_trail
from infra import registry
from infra.errors import AbsentError, ConflictError, UnreachableError
from infra.shadows import ShadowTerms
from models.params.promotion import PromotionParams

log = logging.getLogger("antiphon.cycle")


def let_in(
    version: int, champion: int, rules: PromotionParams, actor: str
) -> tuple[ShadowTerms, str] | None:
    """Make a version the challenger of the champion that it was compared with.

    Returns the terms and a sentence; None where that champion is not the champion any more: nothing
    was moved. A challenger that is there already has to go. Where the beginning cannot be written
    in the audit log, the alias goes and the error is raised.
    """
    shadow = ShadowTerms.new(version, champion, rules.shadow_days, rules.shadow_level)
    try:
        replaced = registry.set_challenger(version, champion, shadow.tags())
    except ConflictError as error:
        log.warning("%s; comparing again", error)
        return None
    sentence = (
        f"version {version} runs in shadow of version {champion} "
        f"until {shadow.deadline:%Y-%m-%d %H:%M} UTC"
    )
    if replaced is not None:
        sentence += f", in the place of version {replaced}"
    with ExitStack() as undo:
        undo.callback(registry.drop_challenger, version)
        audit_trail.shadow_started(version, champion, sentence, actor)
        undo.pop_all()
    log.info(sentence)
    if replaced is not None:
        mark_ended(replaced, "dropped", f"version {version} runs in shadow in its place", actor)
    return shadow, sentence


def make_way(champion: int, actor: str) -> None:
    """After a promotion: a challenger that was compared with another champion is dropped."""
    try:
        waiting = registry.challenger()
        if waiting is not None and waiting.version != champion:
            reason = f"version {champion} became the champion meanwhile"
            dismiss(waiting.version, reason, actor)
    except UnreachableError as error:  # the promotion stands, and the watch looks again
        log.warning("could not check for a challenger to drop: %s", error)


def dismiss(version: int, reason: str, actor: str) -> None:
    """Take the alias from a challenger, where it has it still, and say why on the version."""
    registry.drop_challenger(version)
    mark_ended(version, "dropped", reason, actor)


def mark_ended(version: int, verdict: str, reason: str, actor: str) -> None:
    """Write on a version and in the audit log what came of its shadow."""
    log.info("version %d: %s, %s", version, verdict, reason)
    try:
        registry.tag(version, {"verdict": verdict, "shadow_end": reason})
    except AbsentError:
        log.warning("version %d was deleted by hand: its tags cannot be set", version)
    audit_trail.shadow_ended(version, verdict, reason, actor)
