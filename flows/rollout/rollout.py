"""The alias moves, and the endpoint answers with it or the alias moves back."""

from __future__ import annotations

import logging
import random
import time
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum

from flows import audit_trail
from flows.actor import person
from flows.places import engine
from flows.rollout.challengers import let_in, make_way
from flows.rollout.replicas import ask_all
from infra import registry, rollouts
from infra.access.approvals import is_approved
from infra.access.pauses import current_pause
from infra.errors import ConflictError
from infra.settings import Settings, settings
from models.params.promotion import PromotionParams

log = logging.getLogger("antiphon.cycle")

POLL_S = 0.5
MOST_ATTEMPTS = 5  # of a rollout that nobody confirms; then the version counts as refused


class RolloutState(StrEnum):
    """What became of a moved alias."""

    ANSWERS = "answers"
    ABSENT = "absent"  # the settings say that there is no endpoint
    REFUSED = "refused"  # a replica has the files and cannot serve them
    UNCONFIRMED = "unconfirmed"  # not every replica answered with it: an outage, not an answer
    WAITS = "waits"  # for a person; the alias was not moved
    SHADOW = "shadow"  # no champion: it hears what the champion hears


@dataclass(frozen=True)
class Rollout:
    """How the endpoint took a version."""

    state: RolloutState
    version: int
    detail: str = ""

    @property
    def sentence(self) -> str:
        """For a person."""
        return {
            RolloutState.ANSWERS: f"the endpoint answers with version {self.version}",
            RolloutState.ABSENT: f"there is no endpoint (ANTIPHON_ENDPOINT=none); "
            f"version {self.version} is served when one starts",
            RolloutState.REFUSED: f"the endpoint did not take version {self.version}: "
            f"{self.detail}",
            RolloutState.UNCONFIRMED: f"the endpoint did not confirm version {self.version} "
            f"({self.detail}); once it answers, antiphon monitor or the next cycle completes the "
            "rollout; where there is no endpoint, set ANTIPHON_ENDPOINT=none",
            RolloutState.WAITS: self.detail,
            RolloutState.SHADOW: self.detail,
        }[self.state]

    @property
    def stands(self) -> bool:
        """Whether the version is the champion from now on."""
        return self.state in (RolloutState.ANSWERS, RolloutState.ABSENT)


def hand_over(version: int, champion: int | None, actor: str | None = None) -> Rollout | None:
    """Move the alias and see the endpoint answer with it, or move it back.

    None where the alias does not point at the compared champion any more: nothing was moved. Each
    step has its row in the audit log, by `actor`, else by whoever runs this. Where the promotion
    cannot be written there, the alias goes back and the error is raised. Where nobody waits for the
    endpoint any more (Ctrl-C, SIGTERM), the rollout is unconfirmed, too.
    """
    actor, before = actor or person(), registry.previous()
    try:
        registry.set_champion(version, expected=champion)
    except ConflictError as error:
        log.warning("%s; comparing again", error)
        return None
    with ExitStack() as undo:
        if champion is not None:
            undo.callback(registry.withdraw, version, champion, before)
        audit_trail.promoted(version, champion, actor)
        undo.pop_all()
    with ExitStack() as undo:
        stopped = Rollout(RolloutState.UNCONFIRMED, version, "the wait for it was stopped")
        undo.callback(_take_back, stopped, champion, before, actor)
        rollout = wait_for_endpoint(version)
        undo.pop_all()
    if not rollout.stands:
        return _take_back(rollout, champion, before, actor)
    log.info(rollout.sentence)
    audit_trail.rolled_out(version, rollout.sentence, actor)
    rollouts.settle(version, rollout.state.value)
    make_way(version, actor)
    return rollout


def _take_back(rollout: Rollout, champion: int | None, before: int | None, actor: str) -> Rollout:
    """Give the alias back to the champion before, if there was one, and say why on the version."""
    version = rollout.version
    attempts = rollouts.attempts(version) + 1
    if rollout.state is RolloutState.UNCONFIRMED and attempts >= MOST_ATTEMPTS:
        detail = f"unconfirmed in {attempts} attempts; {rollout.detail}"
        rollout = Rollout(RolloutState.REFUSED, version, detail)
    if rollout.state is RolloutState.UNCONFIRMED:
        rollouts.mark_unconfirmed(version, champion, attempts)
    else:
        rollouts.settle(version, rollout.state.value)
    log.error(rollout.sentence)
    if champion is not None:
        registry.withdraw(version, champion, before)
        log.error("version %d is the champion again", champion)
    audit_trail.refused(version, champion, rollout.sentence, actor)
    return rollout


def complete_rollouts() -> Rollout | None:
    """Roll the newest unconfirmed version out where every replica answers now.

    None where nothing waits, or the champion is not the one any more that it was compared with.
    """
    waiting = rollouts.unconfirmed()
    for older in waiting[1:]:
        rollouts.settle(older.version, f"superseded by version {waiting[0].version}")
    if not waiting:
        return None
    rollout, current = waiting[0], registry.champion()
    number = current.version if current else None
    if number not in (rollout.champion, rollout.version):
        rollouts.settle(rollout.version, f"superseded by version {number}")
        return None
    paused = current_pause(engine())
    if paused and not is_approved(engine(), rollout.version):
        log.warning("version %d stays unconfirmed: promotion is paused", rollout.version)
        return None
    silent = silence_of_endpoint()
    if silent:
        log.warning("version %d is still unconfirmed: %s", rollout.version, silent)
        return Rollout(RolloutState.UNCONFIRMED, rollout.version, silent)
    return hand_over(rollout.version, rollout.champion)


def silence_of_endpoint(here: Settings | None = None) -> str:
    """Which replicas do not answer now, and why; empty where all do or there is no endpoint."""
    answers = ask_all(here or settings())
    return "; ".join(f"{a.url}: {a.trouble}" for a in answers if not a.is_endpoint)


def run_in_shadow(
    version: int, champion: int, rules: PromotionParams, actor: str | None = None
) -> Rollout | None:
    """Make a version the challenger; None where the compared champion is not the champion now."""
    begun = let_in(version, champion, rules, actor or person())
    return None if begun is None else Rollout(RolloutState.SHADOW, version, begun[1])


def wait_for_endpoint(version: int, here: Settings | None = None) -> Rollout:
    """Wait until every replica answers with `version`, one says that it cannot, or time is up.

    What may pass by itself (nobody listens, no name, a proxy's page, a download that fails) is
    asked again until then.
    """
    here = here or settings()
    if not here.endpoint_addresses:
        return Rollout(RolloutState.ABSENT, version)
    deadline = time.monotonic() + here.rollout_timeout_s
    while True:
        answers = ask_all(here)
        refusals = [answer for answer in answers if answer.refuses(version)]
        if refusals:
            return Rollout(RolloutState.REFUSED, version, refusals[0].sentence(version))
        late = [answer.sentence(version) for answer in answers if answer.version != version]
        if not late:
            return Rollout(RolloutState.ANSWERS, version)
        if time.monotonic() > deadline:
            return Rollout(RolloutState.UNCONFIRMED, version, "; ".join(late))
        time.sleep(POLL_S * random.uniform(0.5, 1.5))
