"""What happens to versions is in the audit log, or does not happen."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from flows import audit_trail
from flows.actor import person
from flows.commands import registry as commands
from flows.rollout import rollout
from flows.rollout.rollout import Rollout, RolloutState, hand_over
from infra import audit, registry, tracking
from infra.database import open_database
from infra.errors import UnreachableError
from infra.settings import settings
from infra.signing import trusted_keys
from infra.storage import FolderStore, open_store


@pytest.fixture(autouse=True)
def _places(mlflow_state: Path) -> None:
    """A registry with three versions, and no endpoint."""
    for number in (1, 2, 3):
        folder = mlflow_state / f"detector-{number}"
        folder.mkdir()
        (folder / "manifest.json").write_text(f'{{"format": {number}}}')
        version = registry.register(folder, tracking.open_run(f"r{number}", "run", {}), {})
        audit_trail.registered(version, folder, "test")
        audit_trail.registered(version, folder, "test")  # a retry


def told() -> list[tuple[str, dict[str, Any]]]:
    """Event and document of every row after the three registrations."""
    rows = audit.rows(open_database(settings().database_url))
    assert [row.event for row in rows[:3]] == ["registration"] * 3
    return [(row.event, json.loads(row.document)) for row in rows[3:]]


def champion() -> int | None:
    version = registry.champion()
    return version and version.version


def refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that takes no version."""
    monkeypatch.setattr(
        rollout, "wait_for_endpoint", lambda v: Rollout(RolloutState.REFUSED, v, "golden.npz")
    )


def test_a_promotion_and_its_roll_out_have_a_row_each() -> None:
    hand_over(1, None, "cycle 1")
    hand_over(2, 1, "cycle 2")
    assert [event for event, _ in told()] == ["promotion", "roll-out"] * 2
    assert told()[2][1] == {"version": 2, "champion_before": 1}
    assert told()[3][1]["endpoint"].startswith("there is no endpoint")
    assert champion() == 2


def test_a_refusal_has_a_row_that_names_who_serves_again(monkeypatch: pytest.MonkeyPatch) -> None:
    hand_over(1, None, "cycle 1")
    refuse(monkeypatch)
    hand_over(2, 1, "cycle 2")
    event, document = told()[-1]
    assert event == "refusal"
    assert (document["version"], document["champion_again"]) == (2, 1)
    assert "golden.npz" in document["endpoint"]
    assert champion() == 1


def test_a_comparison_that_was_overtaken_moves_nothing_and_has_no_row() -> None:
    hand_over(1, None, "cycle 1")
    before = told()
    assert hand_over(3, 2, "cycle 3") is None
    assert told() == before


def test_where_the_log_cannot_be_written_the_alias_goes_back() -> None:
    hand_over(1, None, "cycle 1")
    hand_over(2, 1, "cycle 2")
    objects = Path(settings().object_store)
    objects.rename(objects.with_name("away"))
    objects.write_text("not a folder")
    with pytest.raises(UnreachableError, match="objects"):
        hand_over(3, 2, "cycle 3")
    assert (champion(), registry.previous()) == (2, 1)


def test_an_outage_between_a_row_and_its_head_accuses_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hand_over(1, None, "cycle 1")
    hand_over(2, 1, "cycle 2")
    monkeypatch.setattr(audit, "open_store", lambda here: FailsOnce(Path(here.object_store)))
    FailsOnce.failed = False
    rollout_of_3 = hand_over(3, 2, "cycle 3")
    assert FailsOnce.failed
    assert rollout_of_3 is not None and champion() == 3
    audit_trail.look_for_foreign_moves()
    assert [event for event, _ in told()[-2:]] == ["promotion", "roll-out"]
    chain = audit.verify(
        open_database(settings().database_url), open_store(settings()), trusted_keys(settings())
    )
    assert chain.problems == ()


class FailsOnce(FolderStore):
    """A folder that cannot be written once, when a new head comes."""

    failed = False

    def put(self, key: str, data: bytes, *, only_if_new: bool = False) -> None:
        if not self.exists(key) and not FailsOnce.failed:
            FailsOnce.failed = True
            raise UnreachableError("the disk is full")
        super().put(key, data, only_if_new=only_if_new)


def test_a_rollback_by_hand_names_the_person() -> None:
    hand_over(1, None, "cycle 1")
    hand_over(2, 1, "cycle 2")
    done = roll_back()
    assert done.exit_code == 0
    assert told()[-1] == ("rollback", {"version": 1, "champion_before": 2})
    assert audit.rows(open_database(settings().database_url))[-1].actor == person()
    assert "@" in person()


def roll_back() -> Result:
    """By the command."""
    app = typer.Typer()
    app.command()(commands.rollback)
    app.command()(commands.champion)
    return CliRunner().invoke(app, ["rollback"])


def test_a_rollback_does_not_wait_for_the_log() -> None:
    hand_over(1, None, "cycle 1")
    hand_over(2, 1, "cycle 2")
    objects = Path(settings().object_store)
    objects.rename(objects.with_name("away"))
    objects.write_text("not a folder")
    done = roll_back()
    assert done.exit_code == 0
    assert "version 1 is the champion again" in done.stdout
    assert "the rollback stands, do not run it again" in done.stderr
    assert champion() == 1


def test_a_rollback_has_its_row_before_the_endpoint_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hand_over(1, None, "cycle 1")
    hand_over(2, 1, "cycle 2")
    events: list[str] = []

    def wait(version: int) -> Rollout:
        events.append(told()[-1][0])
        return Rollout(RolloutState.REFUSED, version, "golden.npz")

    monkeypatch.setattr(rollout, "wait_for_endpoint", wait)
    done = roll_back()
    assert events == ["rollback"]
    assert done.exit_code == 1
    assert "did not take version 1: golden.npz" in done.stdout


def test_an_alias_moved_past_antiphon_has_one_row_once_it_is_found() -> None:
    hand_over(1, None, "cycle 1")
    hand_over(2, 1, "cycle 2")
    registry.set_champion(3, expected=2)  # as in MLflow's page
    audit_trail.look_for_foreign_moves()
    audit_trail.look_for_foreign_moves()
    assert told()[-2][0] == "roll-out"
    assert told()[-1] == ("alias-moved", {"version": 3, "champion_before": 2})


def test_what_antiphon_moved_itself_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    audit_trail.look_for_foreign_moves()  # an empty log, no champion
    hand_over(1, None, "cycle 1")
    hand_over(2, 1, "cycle 2")
    audit_trail.look_for_foreign_moves()
    registry.rollback()
    audit_trail.rolled_back(1, 2, "ada")
    audit_trail.look_for_foreign_moves()
    refuse(monkeypatch)
    hand_over(3, 1, "cycle 3")
    audit_trail.look_for_foreign_moves()
    assert "alias-moved" not in [event for event, _ in told()]


def test_a_move_whose_row_comes_a_moment_later_is_not_foreign(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hand_over(1, None, "cycle 1")
    registry.set_champion(2, expected=1)
    monkeypatch.setattr(time, "sleep", lambda _: audit_trail.promoted(2, 1, "cycle 2"))
    audit_trail.look_for_foreign_moves()
    assert told()[-1][0] == "promotion"


def test_an_outage_of_the_log_stops_no_look_and_the_foreign_move_has_one_row() -> None:
    hand_over(1, None, "cycle 1")
    registry.set_champion(2, expected=1)
    objects = Path(settings().object_store)
    objects.rename(objects.with_name("away"))
    objects.write_text("not a folder")
    audit_trail.look_for_foreign_moves()  # only warns
    objects.unlink()
    objects.with_name("away").rename(objects)
    audit_trail.look_for_foreign_moves()
    assert [event for event, _ in told()].count("alias-moved") == 1
