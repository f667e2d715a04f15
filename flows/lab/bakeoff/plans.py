"""What the trainings of a bake-off cost, measured side by side: the same budget for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from models.errors import InputError

if TYPE_CHECKING:
    from flows.lab.bakeoff.runs import MemberRun
    from models.training.budget import TrainingCost

ROUNDS = 3


def measure_in_turns(runs: Sequence[MemberRun]) -> dict[str, str]:
    """Measure the runs that are not measured yet; the names of those that failed, and why.

    A busy machine makes a step cost twice as much, in seconds of the processor too. So they take
    turns, and of each the lowest counts: whoever comes first in a quiet moment gains nothing.
    """
    failed: dict[str, str] = {}
    costs: dict[str, TrainingCost] = {}
    waiting = [run for run in runs if not run.is_measured]
    for _ in range(ROUNDS):
        for run in list(waiting):
            name = run.member.name
            try:
                cost = run.measure()
            except InputError as error:
                failed[name] = str(error)
                cost = None
            if cost is None:
                waiting.remove(run)
                if name not in failed:
                    run.keep(None)
                continue
            costs[name] = cost.least(costs.get(name, cost))
    for run in waiting:
        run.keep(costs[run.member.name])
    return failed
