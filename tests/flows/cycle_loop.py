"""A platform of the smallest size, and cycles turned on it with real Prefect, MLflow and DVC.

The first champion has learnt one step, the second is trained on until it is right, and no further
one is better.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from infra import comparisons, ledger, registry
from infra.database import open_database
from infra.datasets.registry import DatasetRegistry
from infra.machine.commands import CommandError, git
from infra.mlflow_client import connect
from infra.settings import settings
from infra.tables import Cycle
from models.errors import InputError

PROJECT = Path(__file__).resolve().parents[2]
STAGES = ("prepare", "train", "adversarial", "export", "evaluate")
ONE_STEP: dict[str, Any] = {
    "window": {"samples": 8_000, "hop": 8_000},
    "detector": {  # one whose graph is written at once
        "name": "cnn-lstm",
        "options": {"form": "cnn", "widths": [4, 4, 4], "units": 8, "dropout": 0.0},
    },
    "training": {
        "bonafide_weight": 0.5, "learning_rate": 1e-6, "final_learning_rate": 1e-6,
        "batch_size": 12, "epochs": 1, "steps_per_epoch": 1, "crop_samples": 8_000,
    },
    "adversarial": {"epochs": 0},
    "evaluation": {"attacked_trials": 4},
    "evaluation_sets": {
        "adversarial": {"trials": 4, "attack": "fgsm"}, "bonafide_hard": {"trials": 4},
    },
    "robustness": {"attacks": ["fgsm"], "guard_trials": 2},
    "promotion": {"first_champion_max_eer": 1.0, "resamples": 200},
}  # fmt: skip
UNTIL_RIGHT: dict[str, Any] = {
    "training": {"final_learning_rate": 1e-3, "steps_per_epoch": 40},
    "fine_tuning": {"learning_rate": 5e-3, "epochs": 2},
}
SECTIONS = sorted({*ONE_STEP, *UNTIL_RIGHT})
ANEW: dict[str, Any] = {"training": {"initial": "scratch"}}  # as if there were no champion


@dataclass
class Turn:
    """One call of the flow, and what was said meanwhile."""

    outcome: Any = None
    error: Exception | None = None
    messages: list[str] = field(default_factory=list)

    def ran(self) -> list[str]:
        """The stages that DVC ran."""
        text = "\n".join(self.messages)
        return [stage for stage in STAGES if f"Running stage '{stage}'" in text]

    def cached(self) -> list[str]:
        """The stages whose results DVC took from its cache."""
        text = "\n".join(self.messages)
        return [stage for stage in STAGES if f"Stage '{stage}' is cached" in text]


@dataclass
class Loop:
    """The platform's state, and the cycles turned on it."""

    state: Path
    turns: dict[str, Turn] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    def write_params(self, **sections: dict[str, Any]) -> None:
        """params.yaml: one step, and what differs from it."""
        document = {name: {**ONE_STEP.get(name, {}), **sections.get(name, {})} for name in SECTIONS}
        (self.state / "params.yaml").write_text(yaml.safe_dump(document))

    def turn(self, name: str, reason: str | None = None, *, force: bool = False) -> Turn:
        """Call the flow as `antiphon retrain` does, or without a request of its own."""
        from flows.cycle import CycleRequest
        from flows.retrain import retraining_cycle

        turn = self.turns[name] = Turn()
        with listening(turn.messages):
            try:
                trigger: Literal["forced", "manual"] = "forced" if force else "manual"
                request = CycleRequest(trigger=trigger, reason=reason) if reason else None
                turn.outcome = retraining_cycle(request)
            except (InputError, CommandError) as error:
                turn.error = error
        return turn

    def cycle(self, name: str) -> Cycle:
        """What the ledger says of a turn that had a cycle."""
        cycles = {c.id: c for c in ledger.recent_cycles(self.database)}
        return cycles[self.turns[name].outcome.cycle_id]

    def run(self, name: str) -> Any:
        """The MLflow run of a turn."""
        return connect(settings()).get_run(self.turns[name].outcome.run_id)

    def workspace(self, name: str) -> Path:
        """The folder of a turn's cycle."""
        return self.state / "cycles" / self.turns[name].outcome.cycle_id

    @property
    def database(self) -> Any:
        return open_database(settings().database_url)


class listening(logging.Handler):  # noqa: N801  read as a verb, like contextlib's
    """Keep what the cycle says, DVC's lines included."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self.messages = messages
        self.logger = logging.getLogger("antiphon.cycle")

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())

    def __enter__(self) -> None:
        self.level_before = self.logger.level
        self.logger.setLevel(logging.DEBUG)
        self.logger.addHandler(self)

    def __exit__(self, *_: object) -> None:
        self.logger.removeHandler(self)
        self.logger.setLevel(self.level_before)


@contextmanager
def six_cycles(state: Path, corpus: Path) -> Iterator[Loop]:
    """First champion, better, not better, broken, overtaken by hand, in shadow."""
    loop = Loop(state)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANTIPHON_STATE_DIR", str(state))
        patch.setenv("ANTIPHON_PARAMS_FILE", str(state / "params.yaml"))
        patch.setenv("ANTIPHON_ENDPOINT", "none")
        patch.setenv("ANTIPHON_DEVICE", "cpu")
        patch.setenv("OMP_NUM_THREADS", "1")
        turn_all(loop, corpus)
        yield loop


def turn_all(loop: Loop, corpus: Path) -> None:
    """Six cycles, and what was there before and after them."""
    loop.facts["project before"] = what_the_pipeline_might_dirty()
    datasets = DatasetRegistry.of(settings())
    loop.facts["dataset"] = datasets.put_corpus("base", corpus, "Put base")

    loop.write_params()
    loop.turn("first", "there is no champion yet")
    loop.write_params(**UNTIL_RIGHT)
    loop.turn("better", "new parameters")
    wait_behind_another_cycle(loop)
    loop.write_params(**ANEW)
    loop.turn("not better")
    break_a_stage(loop)
    overtake_by_hand(loop)
    run_in_shadow(loop)
    loop.facts["project after"] = what_the_pipeline_might_dirty()


def wait_behind_another_cycle(loop: Loop) -> None:
    """A request while a cycle of another process runs; two more requests; then that cycle ends."""
    database = loop.database
    ledger.request_cycle(database, "manual", "of another process")
    other = ledger.claim_cycle(database, lease_s=300)
    assert other is not None
    loop.turn("behind", "asked for meanwhile")
    loop.facts["waiting"] = [r.reason for r in ledger.waiting_requests(database)]
    ledger.request_cycle(database, "drift", "cm_score has moved")
    ledger.request_cycle(database, "schedule", "the schedule says so")
    ledger.finish(database, other, "failed", {"reason": "the other process was stopped"})


def break_a_stage(loop: Loop) -> None:
    """Parameters that only the train stage can refuse."""
    loop.write_params(detector={"options": {"width": [4]}})
    loop.turn("broken", "a misspelt option")
    loop.facts["broken"] = ledger.recent_cycles(loop.database, limit=1)[0]
    loop.write_params(**UNTIL_RIGHT)


def overtake_by_hand(loop: Loop) -> None:
    """The second cycle again, but before its winner is registered somebody rolls forward."""
    from flows import tasks

    registry.rollback()  # version 1 is the champion again: the candidate beats it, as before
    loop.facts["spent before"] = comparisons.histories(loop.database)["frozen"].spent
    loop.turn("unchanged", "nothing is new")
    register = tasks.register

    def register_after_a_hand(*arguments: Any) -> Any:
        if registry.champion().version == 1:  # type: ignore[union-attr]
            spent = comparisons.histories(loop.database)["frozen"].spent
            loop.facts["spent between"] = spent
            registry.rollback()
        return register(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks, "register", register_after_a_hand)
        loop.turn("overtaken", "the same once more", force=True)


def run_in_shadow(loop: Loop) -> None:
    """The second cycle once more, but the evaluation set has been asked too often to promote."""
    registry.rollback()  # version 1 is the champion again
    loop.write_params(**UNTIL_RIGHT, promotion={**ONE_STEP["promotion"], "error_budget": 0.0})
    loop.turn("in shadow", "the same, of a worn-out set")
    loop.facts["challenger"] = registry.challenger()
    registry.rollback()  # as it was


def what_the_pipeline_might_dirty() -> str:
    """git's view of the source tree's own pipeline and data, ignored files included."""
    places = ("data", "pipeline", "dvc.lock", "params.yaml", ".dvc")
    return git(PROJECT, "status", "--porcelain", "--ignored", "--", *places)
