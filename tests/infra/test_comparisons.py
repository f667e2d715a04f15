"""How often a set was asked."""

from __future__ import annotations

from sqlalchemy import Engine

from infra.comparisons import Look, histories, record_looks, spent


def look(version: str = "v1", name: str = "frozen", level: float = 0.03) -> Look:
    return Look(name, version, bonafide=60, spoof=40, clusters=20, level=level)


def test_levels_add_up_over_runs_by_version(database: Engine) -> None:
    record_looks(database, "run1", "reject", [look(), look("s1", "sentinel", 0.0)])
    record_looks(database, "run2", "promote", [look(), look("v2", "rolling")], cycle_id="c2")
    assert spent(database, ["v1", "v2", "s1", "unknown"]) == {
        "v1": 0.06, "v2": 0.03, "s1": 0.0, "unknown": 0.0
    }  # fmt: skip


def test_a_verdict_that_is_given_again_counts_once(database: Engine) -> None:
    record_looks(database, "run1", "shadow", [look(level=0.01)])
    record_looks(database, "run1", "promote", [look(level=0.03)])
    assert spent(database, ["v1"]) == {"v1": 0.03}
    assert spent(database, ["v1"], besides="run1") == {"v1": 0.0}  # nor against itself
    history = histories(database)["frozen"]
    assert (history.comparisons, history.newest.decision) == (1, "promote")


def test_a_set_shows_its_newest_version_and_what_that_was_asked(database: Engine) -> None:
    for run, version in (("run1", "v1"), ("run2", "v2"), ("run3", "v2")):
        record_looks(database, run, "reject", [look(version)])
    history = histories(database)["frozen"]
    assert (history.newest.version, history.comparisons, history.spent) == ("v2", 2, 0.06)
    assert (history.newest.bonafide, history.newest.spoof, history.newest.clusters) == (60, 40, 20)
    assert list(histories(database)) == ["frozen"]
