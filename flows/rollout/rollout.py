"""The alias moves, and the endpoint answers with it or the alias moves back."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx

from flows import audit_trail
from flows.actor import person
from flows.rollout.challengers import let_in, make_way
from infra import registry
from infra.errors import ConflictError
from infra.settings import Settings, settings
from models.params.promotion import PromotionParams

log = logging.getLogger("antiphon.cycle")

POLL_S = 0.5


class RolloutState(StrEnum):
    """What became of a moved alias."""

    ANSWERS = "answers"
    ABSENT = "absent"  # no endpoint runs at the configured address
    REFUSED = "refused"  # the endpoint goes on with another version
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
            RolloutState.ABSENT: f"no endpoint answers at {self.detail}; "
            f"version {self.version} is served when one starts",
            RolloutState.REFUSED: f"the endpoint did not take version {self.version}: "
            f"{self.detail}",
            RolloutState.SHADOW: self.detail,
        }[self.state]


def hand_over(version: int, champion: int | None, actor: str | None = None) -> Rollout | None:
    """Move the alias and see the endpoint answer with it, or move it back.

    None where the alias does not point at the compared champion any more: nothing was moved. Each
    step has its row in the audit log, by `actor`, else by whoever runs this. Where the promotion
    cannot be written there, the alias goes back and the error is raised.
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
    rollout = wait_for_endpoint(version)
    log.info(rollout.sentence)
    if rollout.state is not RolloutState.REFUSED:
        audit_trail.rolled_out(version, rollout.sentence, actor)
        make_way(version, actor)
        return rollout
    if champion is not None:
        registry.withdraw(version, champion, before)
        log.error("version %d is the champion again", champion)
    audit_trail.refused(version, champion, rollout.sentence, actor)
    return rollout


def run_in_shadow(
    version: int, champion: int, rules: PromotionParams, actor: str | None = None
) -> Rollout | None:
    """Make a version the challenger; None where the compared champion is not the champion now."""
    begun = let_in(version, champion, rules, actor or person())
    return None if begun is None else Rollout(RolloutState.SHADOW, version, begun[1])


def wait_for_endpoint(version: int, here: Settings | None = None) -> Rollout:
    """Wait until the endpoint answers with `version`, says that it cannot, or time is up."""
    here = here or settings()
    address = f"http://{here.endpoint_host}:{here.endpoint_port}"
    deadline = time.monotonic() + here.rollout_timeout_s
    model: dict[str, Any] = {}
    while True:
        try:
            model = _ask(address, here)
        except httpx.ConnectError:
            return Rollout(RolloutState.ABSENT, version, address)
        if model.get("version") == version:
            return Rollout(RolloutState.ANSWERS, version)
        if model.get("failed_version") == version:
            return Rollout(RolloutState.REFUSED, version, str(model.get("failure")))
        if time.monotonic() > deadline:
            now = f"it still answers with version {model.get('version')}"
            return Rollout(RolloutState.REFUSED, version, model.get("error", now))
        time.sleep(POLL_S)


def _ask(address: str, here: Settings) -> dict[str, Any]:
    """GET /model; what is no answer of the endpoint's model becomes an `error`."""
    token = here.api_token
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    try:
        answer = httpx.get(f"{address}/model", headers=headers, timeout=10.0).raise_for_status()
        document: dict[str, Any] = answer.json()
    except httpx.ConnectError:
        raise
    except (httpx.HTTPError, ValueError) as error:  # busy, restarting, or not an endpoint of ours
        return {"error": f"GET /model: {str(error).splitlines()[0]}"}
    return document
