"""One cycle: start reading the project here."""

from __future__ import annotations

from functools import partial

from prefect import flow

from flows import tasks
from flows.claim import claimed_cycle, not_claimed
from flows.cycle import CycleOutcome, CycleRequest
from flows.gate_loop import Steps, pass_gate
from models.params.tree import read_params


@flow(name="retraining-cycle")
def retraining_cycle(request: CycleRequest | None = None) -> CycleOutcome:
    """New trials in, at most one new champion or one challenger out.

    Takes every request that waits into one cycle. While a cycle runs, further requests wait
    together for the next. A cycle with the dataset, params, code and champion of an earlier one
    ends before it trains, unless it is forced. Nothing is registered unless the candidate beats the
    champion on the same evaluation sets, both scored now.
    """
    with claimed_cycle(request) as cycle:
        if cycle is None:
            return not_claimed()
        dataset = tasks.snapshot_dataset()
        champion = tasks.current_champion()
        inputs = tasks.gather_inputs(dataset, champion)
        unchanged = tasks.end_unchanged(cycle, inputs)
        if unchanged is not None:
            return unchanged
        candidate = tasks.train_candidate(cycle, inputs)
        params = read_params(tasks.params_of(candidate))
        steps = Steps(
            compare=partial(tasks.compare, cycle, candidate, params),
            judge=partial(tasks.judge_candidate, cycle, candidate, params.promotion),
            register=partial(tasks.register, cycle, candidate),
            roll_out=partial(tasks.roll_out, cycle, params.promotion),
            run_in_shadow=partial(tasks.run_in_shadow, cycle, params.promotion),
            current_champion=tasks.current_champion,
        )
        result = pass_gate(steps, champion)
        tasks.remember_for_fast_cycles(candidate, params, result)
        return tasks.conclude(cycle, inputs, candidate, result)
