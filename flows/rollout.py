"""Whether the endpoint answers with the version that it should."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx

from infra.settings import Settings, settings

POLL_S = 0.5


class RolloutState(StrEnum):
    """What became of a moved alias."""

    ANSWERS = "answers"
    ABSENT = "absent"  # no endpoint runs at the configured address
    REFUSED = "refused"  # the endpoint goes on with another version


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
        }[self.state]


def wait_for_endpoint(version: int, here: Settings | None = None) -> Rollout:
    """Wait until the endpoint answers with `version`, says that it cannot, or time is up."""
    here = here or settings()
    address = f"http://{here.endpoint_host}:{here.endpoint_port}"
    deadline = time.monotonic() + here.rollout_timeout_s
    model: dict[str, Any] = {}
    while True:
        try:
            model = _ask(address, here)
        except httpx.TransportError:
            return Rollout(RolloutState.ABSENT, version, address)
        if model.get("version") == version:
            return Rollout(RolloutState.ANSWERS, version)
        if model.get("failed_version") == version:
            return Rollout(RolloutState.REFUSED, version, str(model.get("failure")))
        if time.monotonic() > deadline:
            now = f"it still answers with version {model.get('version')}"
            return Rollout(RolloutState.REFUSED, version, now)
        time.sleep(POLL_S)


def _ask(address: str, here: Settings) -> dict[str, Any]:
    token = here.api_token
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    answer = httpx.get(f"{address}/model", headers=headers, timeout=10.0)
    document: dict[str, Any] = answer.json()
    return document
