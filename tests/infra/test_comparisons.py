"""How often a set was asked."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import Engine, func, select

from infra.comparisons import (
    Look,
    Trials,
    histories,
    judged,
    no_trials,
    record_judged,
    record_looks,
    spent,
)
from infra.database import reading
from infra.tables import SetTrials

LEVEL = 0.03
NONE = no_trials()


def trials(*numbers: int) -> Trials:
    """Hashes of trials, the highest bit set in some."""
    return np.array(numbers, dtype=np.uint64) << np.uint64(61)


def look(
    version: str = "v1", name: str = "frozen", level: float = LEVEL, used: Trials = NONE
) -> Look:
    return Look(name, version, bonafide=60, spoof=40, clusters=20, level=level, trials=used)


def test_levels_add_up_over_runs_by_version(database: Engine) -> None:
    record_looks(database, "run1", "reject", [look(), look("s1", "sentinel", 0.0)])
    record_looks(database, "run2", "promote", [look(), look("v2", "rolling")], cycle_id="c2")
    assert spent(database, dict.fromkeys(("v1", "v2", "s1", "unknown"), NONE)) == {
        "v1": 0.06, "v2": 0.03, "s1": 0.0, "unknown": 0.0
    }  # fmt: skip


def test_a_set_that_shares_trials_with_earlier_ones_has_spent_what_they_did(
    database: Engine,
) -> None:
    old = trials(1, 2, 3, 4)
    for run in ("run1", "run2"):
        record_looks(database, run, "reject", [look("old", used=old)])
    other_half = trials(5, 6)
    record_looks(database, "run3", "reject", [look("other", used=other_half)])
    sets = {
        "one more": trials(1, 2, 3, 4, 7),
        "one less": trials(1, 2, 3),
        "old": old,
        "joined": trials(1, 2, 3, 4, 5, 6),
        "other and new": trials(6, 7),
        "fresh": trials(0, 7),
    }
    assert spent(database, sets) == {
        "one more": 2 * LEVEL, "one less": 2 * LEVEL, "old": 2 * LEVEL,
        "joined": 2 * LEVEL,  # no trial took part in more than two comparisons
        "other and new": LEVEL, "fresh": 0.0,
    }  # fmt: skip
    assert spent(database, {"one more": sets["one more"]}, besides="run1") == {"one more": LEVEL}


def test_what_a_window_that_moves_on_has_spent_is_that_of_the_trial_that_stayed_longest(
    database: Engine,
) -> None:
    for number in range(5):
        window = look(f"v{number}", "rolling", used=trials(number, number + 1, number + 2))
        record_looks(database, f"run{number}", "reject", [window])
    assert spent(database, {"next": trials(5, 6, 7)}) == {"next": pytest.approx(2 * LEVEL)}
    assert spent(database, {"far": trials(7)}) == {"far": 0.0}
    assert histories(database)["rolling"].spent == pytest.approx(3 * LEVEL)


def test_comparisons_without_recorded_trials_count_for_their_version_until_it_is_used_again(
    database: Engine,
) -> None:
    record_looks(database, "run1", "reject", [look("old")])  # by an earlier antiphon
    successor = {"new": trials(1, 2, 3)}
    assert spent(database, {"old": trials(1, 2), **successor}) == {"old": LEVEL, "new": 0.0}
    record_looks(database, "run2", "reject", [look("old", level=0.0, used=trials(1, 2))])
    assert spent(database, successor) == {"new": LEVEL}


def test_a_large_set_takes_eight_bytes_a_trial_once_for_each_version(database: Engine) -> None:
    many = np.random.default_rng(1).integers(2**64, size=600_000, dtype=np.uint64)
    for run in ("run1", "run2"):
        record_looks(database, run, "reject", [look("large", used=many)])
    assert spent(database, {"next": many[100:]}) == {"next": 2 * LEVEL}
    with reading(database) as transaction:
        sizes = transaction.scalars(select(func.length(SetTrials.trials))).all()
    assert sizes == [8 * 600_000]


def test_the_first_verdict_on_a_question_stays(database: Engine) -> None:
    assert judged(database, "q") is None
    record_judged(database, "q", "run1", '"promote"')
    record_judged(database, "q", "run2", '"reject"')
    row = judged(database, "q")
    assert row is not None and (row.run_id, row.verdict) == ("run1", '"promote"')


def test_a_verdict_that_is_given_again_counts_once(database: Engine) -> None:
    record_looks(database, "run1", "shadow", [look(level=0.01)])
    record_looks(database, "run1", "promote", [look(level=0.03)])
    assert spent(database, {"v1": NONE}) == {"v1": 0.03}
    assert spent(database, {"v1": NONE}, besides="run1") == {"v1": 0.0}  # nor against itself
    history = histories(database)["frozen"]
    assert (history.comparisons, history.newest.decision) == (1, "promote")


def test_a_set_shows_its_newest_version_and_what_that_was_asked(database: Engine) -> None:
    for run, version in (("run1", "v1"), ("run2", "v2"), ("run3", "v2")):
        record_looks(database, run, "reject", [look(version)])
    history = histories(database)["frozen"]
    assert (history.newest.version, history.comparisons, history.spent) == ("v2", 2, 0.06)
    assert (history.newest.bonafide, history.newest.spoof, history.newest.clusters) == (60, 40, 20)
    assert list(histories(database)) == ["frozen"]
