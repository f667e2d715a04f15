"""Rollouts that the endpoint has not confirmed yet, as tags of the registered versions."""

from __future__ import annotations

from dataclasses import dataclass

from infra import registry
from infra.mlflow_client import asking, connect
from infra.model_versions import ModelVersion, typed
from infra.settings import settings

STATE, CHAMPION, ATTEMPTS = "rollout", "rollout_champion", "rollout_attempts"
UNCONFIRMED = "unconfirmed"


@dataclass(frozen=True)
class Unconfirmed:
    """A version that won against `champion` and that the endpoint has not been seen to serve."""

    version: int
    champion: int | None
    attempts: int  # so far

    @classmethod
    def of(cls, version: ModelVersion) -> Unconfirmed:
        """What the tags of a version say."""
        champion = version.tags.get(CHAMPION, "")
        attempts = version.tags.get(ATTEMPTS, "")
        return cls(
            version.version,
            int(champion) if champion.isdigit() else None,
            int(attempts) if attempts.isdigit() else 0,
        )


def unconfirmed() -> list[Unconfirmed]:
    """Those that wait for the endpoint, newest first."""
    here = settings()
    query = f"name = '{here.registered_model}' and tags.{STATE} = '{UNCONFIRMED}'"
    with asking(here.mlflow_tracking_uri):
        versions = map(typed, connect(here).search_model_versions(query))
        waiting = [Unconfirmed.of(version) for version in versions]
    return sorted(waiting, key=lambda rollout: rollout.version, reverse=True)


def attempts(version: int) -> int:
    """How often a version was rolled out in vain."""
    return Unconfirmed.of(registry.version(version)).attempts


def mark_unconfirmed(version: int, champion: int | None, attempts: int) -> None:
    """Leave a rollout to a later look."""
    champion_tag = "" if champion is None else str(champion)
    registry.tag(version, {STATE: UNCONFIRMED, CHAMPION: champion_tag, ATTEMPTS: str(attempts)})


def settle(version: int, state: str) -> None:
    """Write down how a rollout ended: nobody looks at it again."""
    registry.tag(version, {STATE: state})
