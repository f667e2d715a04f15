"""A winner that waits for a person: in a cycle, for `register` and for a shadow."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flows import tasks
from flows.cycle import Candidate, Champion, CycleInputs, CycleOutcome
from flows.gate_loop import Steps, pass_gate
from flows.places import engine
from flows.rollout.approval import approve, decline
from flows.rollout.rollout import RolloutState, complete_rollouts
from infra import audit, ledger, registry, rollouts, tracking
from infra.access.approvals import waiting_approval, want_approval
from infra.access.pauses import begin_pause, current_pause, end_pause
from infra.errors import AbsentError, ConflictError, UnreachableError
from infra.past_cycles import answered_before
from models.params.promotion import PromotionParams
from models.promotion import Decision, Verdict

AUTO, MANUAL = PromotionParams(), PromotionParams(approval="manual")
WON = Verdict(Decision.PROMOTE, "the EER falls by 3 points")


@pytest.fixture
def make_version(mlflow_state: Path) -> Callable[[], int]:
    """Registers a new version."""
    runs = iter(range(1, 100))

    def make() -> int:
        name = str(next(runs))
        folder = mlflow_state / f"detector-{name}"
        folder.mkdir()
        (folder / "manifest.json").write_text(f'{{"format": {name}}}')
        return registry.register(folder, tracking.open_run(name, name, {}), {}).version

    return make


@pytest.fixture
def turn(make_version: Callable[[], int]) -> Callable[[PromotionParams], CycleOutcome]:
    """A cycle whose candidate wins, from the gate to its row in the ledger."""

    def cycle_with(rules: PromotionParams) -> CycleOutcome:
        ledger.request_cycle(engine(), "manual", "by hand")
        cycle = ledger.claim_cycle(engine(), lease_s=300)
        assert cycle is not None
        steps = Steps(
            compare=lambda _: _nothing(),
            judge=lambda _, __: WON,
            register=make_version,
            roll_out=partial(tasks.roll_out.fn, cycle, rules),
            run_in_shadow=lambda _, __: None,
            current_champion=current,
        )
        champion = current()
        result = pass_gate(steps, champion)
        inputs = CycleInputs("dataset", champion, "f" * 64)
        return tasks.conclude.fn(cycle, inputs, Candidate("run", "dataset", Path()), result)

    return cycle_with


def _nothing() -> Any:
    return None


def current() -> Champion | None:
    version = registry.champion()
    return Champion(version.version, Path()) if version else None


def number() -> int | None:
    champion = registry.champion()
    return champion.version if champion else None


def events() -> list[str]:
    return [row.event for row in audit.rows(engine())]


def test_an_automatic_winner_takes_the_champions_place_at_once(
    turn: Callable[[PromotionParams], CycleOutcome],
) -> None:
    assert turn(AUTO).outcome == "promoted"
    assert (number(), waiting_approval(engine())) == (1, None)


def test_with_manual_approval_a_cycle_ends_with_a_version_that_waits(
    turn: Callable[[PromotionParams], CycleOutcome],
) -> None:
    turn(AUTO)
    outcome = turn(MANUAL)
    assert (outcome.outcome, outcome.version, number()) == ("approval wanted", 2, 1)
    assert "`antiphon approve 2`" in (outcome.rollout or "")
    waiting = waiting_approval(engine())
    assert waiting is not None
    assert (waiting.version, waiting.champion, waiting.verdict) == (2, 1, WON.reason)
    assert events()[-1] == "approval-wanted"
    assert answered_before(engine(), "f" * 64) is not None, "the schedule does not train it again"


def test_a_person_promotes_it_and_stands_in_the_audit_log(
    turn: Callable[[PromotionParams], CycleOutcome],
) -> None:
    turn(AUTO)
    turn(MANUAL)
    rollout = approve(None, "ada")
    assert rollout.state is RolloutState.ABSENT
    assert (number(), registry.previous()) == (2, 1)
    assert events()[-3:] == ["approval", "promotion", "roll-out"]
    assert {row.actor for row in audit.rows(engine())[-3:]} == {"ada"}
    with pytest.raises(AbsentError, match="no version waits"):
        approve(2, "berta")


def test_a_person_leaves_it_unpromoted(turn: Callable[[PromotionParams], CycleOutcome]) -> None:
    turn(AUTO)
    turn(MANUAL)
    with pytest.raises(AbsentError, match="version 7 does not wait for a person; version 2 does"):
        decline(7, "ada")
    assert decline(2, "ada") == 2
    assert (number(), waiting_approval(engine()), events()[-1]) == (1, None, "decline")


def test_a_later_winner_waits_in_the_place_of_an_earlier(
    turn: Callable[[PromotionParams], CycleOutcome],
) -> None:
    turn(AUTO)
    turn(MANUAL)
    turn(MANUAL)
    waiting = waiting_approval(engine())
    assert waiting is not None and waiting.version == 3
    assert not want_approval(engine(), 3, 1, "a retry", "cycle"), "a retried step asks once"


def test_nobody_approves_what_was_compared_with_another_champion(
    turn: Callable[[PromotionParams], CycleOutcome], make_version: Callable[[], int]
) -> None:
    turn(AUTO)
    turn(MANUAL)
    registry.set_champion(make_version(), expected=1)  # by hand
    with pytest.raises(ConflictError, match="compared with version 1, and the champion is version"):
        approve(2, "ada")
    assert (number(), waiting_approval(engine())) == (3, None)


def test_a_pause_holds_every_promotion_until_it_ends(
    turn: Callable[[PromotionParams], CycleOutcome],
) -> None:
    turn(AUTO)
    begin_pause(engine(), "ada", "a new codec")
    with pytest.raises(ConflictError, match="ada has paused"):
        begin_pause(engine(), "berta", "me too")
    outcome = turn(AUTO)
    assert (outcome.outcome, number()) == ("approval wanted", 1)
    assert "ada has paused automatic promotion: a new codec" in (outcome.rollout or "")
    end_pause(engine(), "berta")
    assert current_pause(engine()) is None
    assert turn(AUTO).outcome == "promoted"


def test_a_pause_holds_a_rollout_that_the_endpoint_has_not_confirmed(
    make_version: Callable[[], int],
) -> None:
    rollouts.mark_unconfirmed(make_version(), None, attempts=1)
    begin_pause(engine(), "ada", "a new codec")
    assert (complete_rollouts(), number()) == (None, None)
    end_pause(engine(), "ada")
    assert complete_rollouts() is not None
    assert number() == 1


def test_what_could_not_be_begun_waits_again(
    turn: Callable[[PromotionParams], CycleOutcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    turn(AUTO)
    turn(MANUAL)
    with monkeypatch.context() as patch:
        patch.setenv("ANTIPHON_OBJECT_STORE", "/proc/antiphon/objects")  # cannot be written to
        with pytest.raises(UnreachableError):
            approve(2, "ada")
    waiting = waiting_approval(engine())
    assert waiting is not None and waiting.version == 2
    assert number() == 1
    assert events()[-1] == "approval-wanted"
