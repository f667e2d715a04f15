"""A fast cycle: the champion's last layer is refitted on new labels."""

from __future__ import annotations

from functools import partial

from prefect import flow

from flows import adapt_steps, tasks
from flows.adaptable import TRIGGERS, require_adaptable
from flows.claim import claimed_cycle, not_claimed
from flows.cycle import CycleOutcome, CycleRequest
from flows.gate_loop import Steps, pass_gate


@flow(name="fast-cycle")
def fast_cycle(request: CycleRequest | None = None) -> CycleOutcome:
    """Accepted field samples in, a champion with another last layer out, where it is better.

    Takes the requests for new labels alone. The last layer is refitted on embeddings of old and new
    trials; the candidate then goes through the gate of every cycle. A full cycle starts from it
    later, as from any champion. Raises InputError where the champion has no such layer.
    """
    require_adaptable()
    with claimed_cycle(request, TRIGGERS) as cycle:
        if cycle is None:
            return not_claimed(TRIGGERS)
        dataset = tasks.snapshot_dataset()
        champion = tasks.current_champion()
        inputs = tasks.gather_inputs(dataset, champion, "fast")
        unchanged = tasks.end_unchanged(cycle, inputs)
        if unchanged is not None:
            return unchanged
        material = adapt_steps.gather_material(cycle, inputs)
        nothing = adapt_steps.end_without_labels(cycle, inputs, material)
        if nothing is not None:
            return nothing
        candidate = adapt_steps.adapt_candidate(cycle, inputs, material)
        rules = material.params.promotion
        steps = Steps(
            compare=partial(adapt_steps.compare, candidate, material),
            judge=partial(tasks.judge_candidate, cycle, candidate, rules),
            register=partial(tasks.register, cycle, candidate),
            roll_out=partial(tasks.roll_out, cycle, rules),
            run_in_shadow=partial(tasks.run_in_shadow, cycle, rules),
            current_champion=tasks.current_champion,
        )
        outcome = tasks.conclude(cycle, inputs, candidate, pass_gate(steps, champion))
        return adapt_steps.follow_up(cycle, outcome)
