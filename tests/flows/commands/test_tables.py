"""On a terminal of 80 columns a row is a line."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import typer
from rich.cells import cell_len
from typer.testing import CliRunner

from flows.commands import audit as audit_commands
from flows.commands import cycles as cycles_commands
from flows.commands import review, scores
from flows.places import engine
from infra import audit, ledger
from infra.database import session
from infra.errors import AbsentError
from infra.field_samples import flag
from infra.past_cycles import ask_for_labels
from infra.tables import ScoredRequest

WIDTH = 80
REASON = (
    "the EER does not fall beyond chance: from 7.50 % to 9.27 % (frozen), with 97 % confidence a "
    "rise by up to 4.31 points is not excluded"
)

app = typer.Typer()
app.command("cycles")(cycles_commands.history)
app.add_typer(audit_commands.app, name="audit")
app.add_typer(review.app, name="review")


@pytest.fixture
def cycle_id(state: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A rejected cycle, a running one and a request for labels, all with long reasons."""
    assert state.is_dir()
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    database = engine()
    ledger.request_cycle(database, "drift", "cm_score is 0.81 standard deviations away " * 3)
    ledger.request_cycle(database, "schedule", "the regular schedule")
    cycle = ledger.claim_cycle(database, lease_s=300)
    assert cycle is not None
    summary = {"reason": REASON, "run_id": "r" * 32, "dataset": "d" * 40, "champion": 3,
               "version": None, "rollout": None, "verdict": {"verdict": "reject"}}  # fmt: skip
    ledger.finish(database, cycle, "rejected", summary)
    ask_for_labels(database, "drift", "it has drifted", {"reason": "labels are wanted: " * 9})
    ledger.request_cycle(database, "forced", "requested by hand")
    assert ledger.claim_cycle(database, lease_s=300) is not None
    return cycle.id


def shown(*arguments: str) -> list[str]:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert all(cell_len(line) <= WIDTH for line in lines)
    return [line for line in lines if line.strip()]


def test_a_cycle_is_a_line_and_says_when_what_why_and_its_id(cycle_id: str) -> None:
    head, rule, running, wanted, rejected, hint = shown("cycles")
    assert head.split() == ["started", "cycle", "path", "outcome", "by", "reason"]
    assert set(rule.strip()) == {"─"}
    assert re.match(r"20\d\d-\d\d-\d\d \d\d:\d\d +[0-9a-f]{8} +running +forced", running)
    assert "labels wanted" in wanted and wanted.rstrip().endswith("…")
    assert re.search(f"{cycle_id[:8]} +rejected +drift, schedule +the EER does", rejected)
    assert hint == "`antiphon cycles CYCLE` shows all of one."


def test_all_of_one_cycle_is_shown_by_its_id(cycle_id: str) -> None:
    text = " ".join(" ".join(shown("cycles", cycle_id[:8])).split())
    for fact in (
        f"cycle {cycle_id}", "outcome rejected", REASON, "champion before version 3",
        f"run {'r' * 32}", f"dataset {'d' * 40}", "schedule: the regular schedule",
        f"evidence antiphon evidence fetch {cycle_id[:8]}",
    ):  # fmt: skip
        assert fact in text
    assert "registered as" not in text
    document = json.loads("".join(shown_json("cycles", cycle_id[:8], "--json")))
    assert (document["id"], document["summary"]["reason"]) == (cycle_id, REASON)
    with pytest.raises(AbsentError, match="no cycle begins with 'zz'"):
        shown("cycles", "zz")


def shown_json(*arguments: str) -> list[str]:
    return CliRunner().invoke(app, arguments, catch_exceptions=False).stdout.splitlines()


def test_a_row_of_the_audit_log_is_a_line(cycle_id: str) -> None:
    document = {"verdict": "reject", "reason": REASON, "run": "r" * 32}
    audit.append(engine(), "verdict", f"cycle {cycle_id}", document)
    head, _, row = shown("audit", "log")
    assert head.split() == ["row", "at", "event", "by", "what"]
    assert re.search(f"verdict +cycle {cycle_id[:8]}… +reason: the EER", row)


def test_a_flagged_call_is_a_line(cycle_id: str) -> None:  # noqa: ARG001
    request = ScoredRequest(
        request_id="0b7d8c0e-1111-2222-3333-444455556666", scored_at=datetime.now(UTC),
        model_version=1, cm_score=0.0, spoof_probability=0.5, verdict="bonafide", threshold=0.0,
        duration_s=1.0, windows=1, features={}, embedding_sketch=[], audio_sha256="a",
        audio_key="recordings/a",
    )  # fmt: skip
    with session(engine()) as transaction:
        transaction.add(request)
    flag(engine(), request.request_id, "spoof", "cloner-with-a-long-name", "she sounds\nodd " * 9)
    _, _, row = shown("review", "list")
    assert re.match(r"1 +20\d\d-\d\d-\d\d +0b7d8c0… +spoof +cloner-with-a-l… +kept +she", row)


def test_figures_are_never_wrapped_and_long_names_stay_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    name = "cloner-with-a-name-that-is-longer-than-its-column"
    for file, gain in (("old.csv", 1.0), ("new.csv", 2.0)):
        rng = np.random.default_rng(1)
        rows = [f"b{n},{gain + rng.normal()},bonafide," for n in range(90)]
        rows += [f"s{n},{rng.normal() - gain},spoof,{name}" for n in range(90)]
        text = "\n".join(["utterance_id,cm_score,label,attack_id", *rows])
        (tmp_path / file).write_text(text)
    arguments = ["--champion", str(tmp_path / "old.csv"), "--candidate", str(tmp_path / "new.csv")]
    printed = CliRunner().invoke(comparing, arguments).stdout
    table = printed[printed.index("attack") : printed.index("EER in percent")].splitlines()
    assert all(cell_len(line) <= WIDTH for line in table)
    assert "".join(line.split()[0] for line in table if line.strip("─ "))[6:] == name
    (figures,) = (line for line in table if re.search(r"[-+]\d+\.\d\d to [-+]\d+\.\d\d", line))
    assert re.search(r"(holds|veto|too small)$", figures.rstrip())


comparing = typer.Typer()
comparing.command()(scores.compare)
