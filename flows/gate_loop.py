"""A candidate before the gate: compared, judged, registered, rolled out or run in shadow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from flows.cycle import Champion
from flows.rollout.rollout import Rollout, RolloutState
from models.promotion import Decision, Evidence, Verdict


@dataclass(frozen=True)
class Steps:
    """What is done with one candidate, in this order; `champion` is whom it is compared with."""

    compare: Callable[[Champion | None], Evidence]
    judge: Callable[[Champion | None, Evidence], Verdict]
    register: Callable[[], int]  # returns the version
    # None: the alias does not point at the compared champion any more, and nothing was moved
    roll_out: Callable[[int, Champion | None, Verdict], Rollout | None]
    run_in_shadow: Callable[[int, Champion], Rollout | None]
    current_champion: Callable[[], Champion | None]


@dataclass(frozen=True)
class GateResult:
    """What became of a candidate."""

    champion: Champion | None  # whom it was compared with
    verdict: Verdict
    version: int | None = None  # that it was registered as
    rollout: Rollout | None = None

    @property
    def outcome(
        self,
    ) -> Literal["promoted", "unconfirmed", "rejected", "shadow", "approval wanted"]:
        """What the candidate is now."""
        if self.rollout is None or self.rollout.state is RolloutState.REFUSED:
            return "rejected"
        if self.rollout.state is RolloutState.UNCONFIRMED:
            return "unconfirmed"
        if self.rollout.state is RolloutState.WAITS:
            return "approval wanted"
        return "shadow" if self.rollout.state is RolloutState.SHADOW else "promoted"

    @property
    def reason(self) -> str:
        """Why: the endpoint's reason where it did not take the version, else the verdict's."""
        if self.rollout is not None and self.outcome in ("rejected", "unconfirmed"):
            return self.rollout.sentence
        return self.verdict.reason

    def facts(self) -> dict[str, Any]:
        """The versions and the endpoint's answer, for a document."""
        return {
            "champion": self.champion.version if self.champion else None,
            "version": self.version,
            "rollout": self.rollout.sentence if self.rollout else None,
        }


def pass_gate(steps: Steps, champion: Champion | None) -> GateResult:
    """Take a candidate through the gate, again where somebody moves the alias meanwhile."""
    while True:
        evidence = steps.compare(champion)
        verdict = steps.judge(champion, evidence)
        if verdict.decision is Decision.REJECT:
            return GateResult(champion, verdict)
        version = steps.register()
        if verdict.promote or champion is None:  # nobody can be in shadow of no champion
            rollout = steps.roll_out(version, champion, verdict)
        else:
            rollout = steps.run_in_shadow(version, champion)
        if rollout is not None:
            return GateResult(champion, verdict, version, rollout)
        champion = steps.current_champion()
