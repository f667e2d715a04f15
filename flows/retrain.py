"""One cycle: start reading the project here."""

from __future__ import annotations

from prefect import flow

from flows import tasks
from flows.cycle import CycleRequest, Outcome
from models.params.tree import read_params
from models.promotion import Decision


@flow(name="retraining-cycle")
def retraining_cycle(request: CycleRequest | None = None) -> Outcome:
    """New trials in, at most one new champion or one challenger out.

    Takes every request that waits into one cycle. While a cycle runs, further requests wait
    together for the next. Nothing is registered unless the candidate beats the champion on the
    same evaluation sets, both scored now.
    """
    with tasks.claimed_cycle(request) as cycle:
        if cycle is None:
            return tasks.not_claimed()
        dataset = tasks.snapshot_dataset()
        champion = tasks.current_champion()
        candidate = tasks.train_candidate(cycle, dataset, champion)
        rules = read_params(tasks.params_of(candidate)).promotion

        while True:
            evidence = tasks.compare(cycle, candidate, champion)
            verdict = tasks.judge_candidate(cycle, candidate, champion, evidence, rules)
            if verdict.decision is Decision.REJECT:
                return tasks.conclude(cycle, candidate, champion, verdict)
            version = tasks.register(cycle, candidate)
            if verdict.promote:
                rollout = tasks.roll_out(cycle, version, champion)
            else:
                rollout = tasks.run_in_shadow(cycle, version, champion, rules)
            if rollout is not None:
                return tasks.conclude(cycle, candidate, champion, verdict, version, rollout)
            champion = tasks.current_champion()  # somebody moved the alias meanwhile
