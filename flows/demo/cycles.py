"""The two cycles of the demo: the last layer learns the labels, then a training learns them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from flows.cycle import CycleOutcome, CycleRequest
from flows.demo.telling import Telling, percent
from flows.demo.traffic import DemoCaller, Tally
from models.errors import InputError
from models.trials import Trial

STEADY_PER_S = 2.0  # requests while cycles run


def both_cycles(
    story: Telling, client: DemoCaller, traffic: Sequence[Trial], labelled: float
) -> Tally:
    """The fast cycle that labels requested and the full one of the schedule, under traffic."""
    with client.steady(traffic, STEADY_PER_S) as tally:
        _hear_the_new_one(tally, _fast_cycle(story, labelled))
        _hear_the_new_one(tally, _full_cycle(story))
    return tally


def _fast_cycle(story: Telling, labelled: float) -> int | None:
    """The cycle that the labels requested: the last layer alone learns them."""
    from flows.adapt import fast_cycle  # Prefect: not before its settings

    story.act("7. The fast cycle that labels requested")
    try:
        with story.waiting("snapshot, refit the champion's last layer, compare, roll out"):
            outcome = fast_cycle()
    except InputError as error:
        story.say(f"No fast cycle: {error}.")
        return None
    story.say(f"{outcome.outcome.capitalize()}: {outcome.reason}")
    _tell_new_attack(story, outcome.verdict or {})
    seconds = time.monotonic() - labelled
    if outcome.outcome == "promoted":
        story.say(f"{seconds:.0f} s from the last label to protection.")
    else:
        story.say("The labels wait for the full cycle.")
    story.keep(fast={"outcome": outcome.outcome, "seconds": round(seconds, 1)})
    return _promoted(outcome)


def _promoted(outcome: CycleOutcome) -> int | None:
    return outcome.version if outcome.outcome == "promoted" else None


def _tell_new_attack(story: Telling, verdict: Mapping[str, Any]) -> None:
    name = story.facts["new_attack"]["name"]
    attack = verdict.get("by_attack", {}).get(name)
    if attack is not None:
        story.say(
            f"EER on {name}: {percent(attack['eer_champion'])} before, "
            f"{percent(attack['eer_candidate'])} now."
        )
        story.facts["new_attack"].setdefault("eer_before", attack["eer_champion"])
        story.facts["new_attack"]["eer_after"] = attack["eer_candidate"]


def _full_cycle(story: Telling) -> int | None:
    """The full cycle of the schedule, or that the fast one requested."""
    from flows.retrain import retraining_cycle  # Prefect: not before its settings

    story.act("8. The full cycle")
    request = CycleRequest(trigger="schedule", reason="the regular schedule")
    with story.waiting("snapshot, train, harden, export, compare, roll out"):
        outcome = retraining_cycle(request)
    story.say(f"{outcome.outcome.capitalize()}: {outcome.reason}")
    if outcome.verdict is None:
        raise SystemExit(1)  # no cycle was requested, because no drift was detected
    _tell_new_attack(story, outcome.verdict)
    story.keep(verdict=outcome.verdict, outcome=outcome.outcome, version=outcome.version)
    return _promoted(outcome)


def _hear_the_new_one(tally: Tally, version: int | None) -> None:
    """Continue the traffic until the new version has answered some of it."""
    deadline = time.monotonic() + 15.0
    while version is not None and tally.versions[version] < 5 and time.monotonic() < deadline:
        time.sleep(0.2)


def swap(story: Telling, tally: Tally) -> None:
    """Tell which version answered how many requests meanwhile."""
    answered = sum(tally.versions.values())
    shares = ", ".join(f"{count} by version {v}" for v, count in sorted(tally.versions.items()))
    story.act("9. The swap")
    story.say(f"{answered} requests were answered meanwhile ({shares}); {len(tally.lost)} lost.")
    story.keep(
        swap={
            "answered": answered,
            "lost": len(tally.lost),
            "by_version": {str(v): count for v, count in tally.versions.items()},
        }
    )
