"""What a person must see first: one sentence for each thing that wants them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from infra.access.tables import Approval, PromotionPause
from infra.settings import Settings
from infra.tables import DriftCheck
from monitoring.console.loop_facts import Aliases, Labels, age_h

LATE = 3  # times the interval of the checks


@dataclass(frozen=True)
class Matter:
    """Something to do or to know."""

    weight: Literal["bad", "warn"]
    sentence: str
    path: str | None = None  # where it is done
    link: str = ""


def attention(
    here: Settings,
    aliases: Aliases,
    check: DriftCheck | None,
    labels: Labels,
    pause: PromotionPause | None,
    approval: Approval | None,
) -> list[Matter]:
    """The matters, the gravest first; empty: nothing wants a person."""
    matters = [
        *_decisions(pause, approval),
        *_drift(here, aliases, check),
        *_labels(labels),
    ]
    return sorted(matters, key=lambda matter: matter.weight != "bad")


def _decisions(pause: PromotionPause | None, approval: Approval | None) -> Iterator[Matter]:
    if approval is not None:
        yield Matter(
            "warn", f"Version {approval.version} won and waits for a person.", "#approval", "Decide"
        )
    if pause is not None:
        yield Matter("warn", f"{pause.begun_by} has paused automatic promotion: {pause.reason}")


def _drift(here: Settings, aliases: Aliases, check: DriftCheck | None) -> Iterator[Matter]:
    if aliases.champion is None:
        yield Matter("bad", "There is no champion: the endpoint cannot answer.")
        return
    if check is None:
        yield Matter(
            "warn",
            "No drift check has run yet; `antiphon up` runs one every "
            f"{here.monitoring_interval_min:g} minutes, `antiphon monitor` runs one now.",
        )
        return
    if check.status == "drift":
        yield Matter("bad", "Traffic has drifted.", "/drift", "See what moved")
    elif check.status == "watch":
        yield Matter("warn", "Traffic may be drifting.", "/drift", "See what moved")
    late_h = LATE * here.monitoring_interval_min / 60
    if age_h(check.checked_at) > max(late_h, 1.0):
        yield Matter(
            "bad",
            f"The last drift check is {age_h(check.checked_at):.0f} hours old: nobody watches the "
            "traffic. Is `antiphon up` running?",
        )


def _labels(labels: Labels) -> Iterator[Matter]:
    if labels.waiting:
        calls = "1 call waits" if labels.waiting == 1 else f"{labels.waiting} calls wait"
        yield Matter("warn", f"{calls} for review.", "/review", "Review")
