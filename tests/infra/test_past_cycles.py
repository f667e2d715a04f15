"""What the ledger says of ended cycles."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from infra import ledger
from infra.errors import AbsentError
from infra.past_cycles import (
    LABELS_WANTED,
    answered_before,
    ask_for_labels,
    cycle_named,
    last_turn,
    past_cycles,
)


def turn(database: Engine, outcome: ledger.Outcome, inputs: str | None = None) -> str:
    """A cycle that a person requests and that ends at once; its id."""
    ledger.request_cycle(database, "manual", "by hand")
    cycle = ledger.claim_cycle(database, lease_s=300)
    assert cycle is not None
    ledger.finish(database, cycle, outcome, {"reason": "as it was", "inputs": inputs})
    return cycle.id


def test_a_cycle_is_known_again_by_its_inputs_if_it_came_to_a_verdict(database: Engine) -> None:
    assert answered_before(database, "a") is None
    first = turn(database, "rejected", "a")
    turn(database, "failed", "b")
    turn(database, "unchanged", "a")
    turn(database, "promoted")  # by a champion that moved meanwhile
    earlier = answered_before(database, "a")
    assert earlier is not None and earlier.id == first
    assert answered_before(database, "b") is None


def test_a_request_for_labels_stands_among_the_cycles_and_waits_for_none(database: Engine) -> None:
    turn(database, "rejected")
    begun = last_turn(database)
    request = ask_for_labels(database, "drift", "cm_score has moved", {"reason": "label, please"})
    newest, before = past_cycles(database)
    assert (newest.outcome, newest.triggers) == (LABELS_WANTED, {"drift"})
    assert (before.outcome, before.triggers) == ("rejected", {"manual"})
    (cycle, _) = ledger.recent_cycles(database)
    assert [row.id for row in ledger.requests_of(database, [cycle])[cycle.id]] == [request]
    assert ledger.waiting_requests(database) == []
    assert ledger.running_cycle(database) is None
    assert last_turn(database) == begun  # the traffic before it has led to no cycle
    turn(database, "promoted")  # the fencing tokens go on


def test_a_cycle_is_named_by_the_beginning_of_its_id(database: Engine) -> None:
    name = turn(database, "rejected")
    assert cycle_named(database, name[:6]).id == name
    with pytest.raises(AbsentError, match="no cycle begins with '%'"):
        cycle_named(database, "%")
    turn(database, "rejected")
    with pytest.raises(AbsentError, match="several cycles begin with ''"):
        cycle_named(database, "")
