"""A rollout that nobody could confirm: the old champion stays, and a later look completes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.rollout import rollout
from flows.rollout.rollout import MOST_ATTEMPTS, RolloutState, complete_rollouts, hand_over
from infra import audit, registry, rollouts, tracking
from infra.database import open_database
from infra.settings import settings
from tests.flows.rollout.test_rollout import answering

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def port(mlflow_state: Path, monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]) -> int:
    """Three versions, the first of which is the champion; and where an endpoint may answer."""
    for number in (1, 2, 3):
        folder = mlflow_state / f"detector-{number}"
        folder.mkdir()
        (folder / "manifest.json").write_text(f'{{"format": {number}}}')
        registry.register(folder, tracking.open_run(f"r{number}", "run", {}), {})
    registry.set_champion(1, expected=None)
    place = free_port()
    monkeypatch.setenv("ANTIPHON_ENDPOINT", f"http://127.0.0.1:{place}")
    monkeypatch.setenv("ANTIPHON_ROLLOUT_TIMEOUT_S", "0.1")
    return place


def champion() -> int | None:
    version = registry.champion()
    return version and version.version


def events() -> list[str]:
    return [row.event for row in audit.rows(open_database(settings().database_url))]


def test_the_old_champion_stays_until_the_endpoint_answers_and_the_winner_follows(
    port: int,
) -> None:
    done = hand_over(2, 1, "cycle 1")
    assert done is not None and done.state is RolloutState.UNCONFIRMED
    assert (champion(), registry.previous()) == (1, None)
    assert events() == ["promotion", "refusal"]

    later = complete_rollouts()
    assert later is not None and later.state is RolloutState.UNCONFIRMED
    assert events() == ["promotion", "refusal"], "an endpoint that is away moves no alias"

    with answering({"version": 1}, {"version": 2}, address=("127.0.0.1", port)):
        completed = complete_rollouts()
    assert completed is not None and completed.state is RolloutState.ANSWERS
    assert (champion(), registry.previous()) == (2, 1)
    assert events()[2:] == ["promotion", "roll-out"]
    assert (rollouts.unconfirmed(), complete_rollouts()) == ([], None)


def test_a_first_champion_keeps_the_alias_and_is_confirmed_later(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTIPHON_REGISTERED_MODEL", "another")
    source = settings().state_dir / "detector-1"
    registry.register(source, tracking.open_run("first", "run", {}), {})
    done = hand_over(1, None, "cycle 1")
    assert done is not None and done.state is RolloutState.UNCONFIRMED
    assert champion() == 1
    with answering({"version": 1}, address=("127.0.0.1", port)):
        completed = complete_rollouts()
    assert completed is not None and completed.state is RolloutState.ANSWERS
    assert rollouts.unconfirmed() == []


def test_a_winner_over_a_champion_that_is_gone_is_not_rolled_out() -> None:
    hand_over(2, 1, "cycle 1")
    registry.set_champion(3, expected=1)
    assert complete_rollouts() is None
    assert (champion(), rollouts.unconfirmed()) == (3, [])


def test_a_stopped_wait_gives_the_alias_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rollout, "ask_all", interrupted)
    with pytest.raises(KeyboardInterrupt):
        hand_over(2, 1, "cycle 1")
    assert champion() == 1
    assert [waiting.version for waiting in rollouts.unconfirmed()] == [2]


def test_an_endpoint_that_never_takes_it_ends_the_attempts(port: int) -> None:
    with answering({"version": 1}, address=("127.0.0.1", port)):
        states = [hand_over(2, 1, "cycle 1"), *(complete_rollouts() for _ in range(4))]
        assert complete_rollouts() is None
    assert len(states) == MOST_ATTEMPTS
    assert [done.state.value for done in states if done] == ["unconfirmed"] * 4 + ["refused"]
    assert champion() == 1


def test_a_rollback_that_nobody_confirms_stands_and_says_so() -> None:
    registry.set_champion(2, expected=1)
    done = CliRunner().invoke(app, ["rollback"])
    assert done.exit_code == 3
    assert "version 1 is the champion again" in done.stdout
    assert "did not confirm version 1" in done.stdout
    assert champion() == 1
