"""How a version comes to run in shadow, and how it leaves."""

from __future__ import annotations

import logging

from infra import registry
from infra.errors import AbsentError, ConflictError, UnreachableError
from infra.shadows import Shadow
from models.promotion_params import PromotionParams

log = logging.getLogger("antiphon.cycle")


def let_in(version: int, champion: int, rules: PromotionParams) -> tuple[Shadow, str] | None:
    """Make a version the challenger of the champion that it was compared with.

    Returns the terms and a sentence; None where that champion is not the champion any more: nothing
    was moved. A challenger that is there already has to go.
    """
    shadow = Shadow.new(version, champion, rules.shadow_days, rules.shadow_level)
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
        mark_ended(replaced, "dropped", f"version {version} runs in shadow in its place")
    record("shadow-start", version, sentence)
    return shadow, sentence


def make_way(champion: int) -> None:
    """After a promotion: a challenger that was compared with another champion is dropped."""
    try:
        waiting = registry.challenger()
        if waiting is not None and waiting.version != champion:
            dismiss(waiting.version, f"version {champion} became the champion meanwhile")
    except UnreachableError as error:  # the promotion stands, and the watch looks again
        log.warning("whether a challenger has to make way is not known yet: %s", error)


def dismiss(version: int, reason: str) -> None:
    """Take the alias from a challenger, where it has it still, and say why on the version."""
    registry.drop_challenger(version)
    mark_ended(version, "dropped", reason)


def mark_ended(version: int, verdict: str, reason: str) -> None:
    """Write on a version what came of its shadow."""
    log.info("version %d: %s, %s", version, verdict, reason)
    try:
        registry.tag(version, {"verdict": verdict, "shadow_end": reason})
    except AbsentError:  # deleted by hand: there is nothing left to write on
        return
    record("shadow-end", version, f"{verdict}: {reason}")


def record(event: str, version: int, sentence: str) -> None:
    """Where what begins and ends in shadow is told to whoever keeps books of it."""
    log.info("%s: version %d, %s", event, version, sentence)
