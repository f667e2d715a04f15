"""`antiphon sets`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from flows.commands.sets import sets
from flows.places import engine
from infra.comparisons import Look, record_looks

app = typer.Typer()
app.command()(sets)


@pytest.fixture
def _asked(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two verdicts on a set whose budget is enough for one."""
    params = state / "params.yaml"
    params.write_text("promotion: {level: 0.05, shadow_share: 0.4, error_budget: 0.05}\n")
    monkeypatch.setenv("ANTIPHON_PARAMS_FILE", str(params))
    for run in ("run1", "run2"):
        frozen = Look("frozen", "f" * 64, bonafide=600, spoof=400, clusters=30, level=0.03)
        sentinel = Look("sentinel", "5" * 64, bonafide=60, spoof=40, clusters=8, level=0.0)
        record_looks(engine(), run, "reject", [frozen, sentinel])


@pytest.mark.usefixtures("_asked")
def test_each_set_shows_what_it_holds_and_what_is_left_of_its_budget() -> None:
    shown = CliRunner().invoke(app, ["--json"], catch_exceptions=False)
    by_name = {row["set"]: row for row in json.loads(shown.stdout)}
    assert list(by_name) == [
        "frozen", "rolling", "sentinel", "adversarial", "transfer", "bonafide-hard",
    ]  # fmt: skip
    frozen = by_name["frozen"]
    assert (frozen["trials"], frozen["bonafide"], frozen["spoof"]) == (1_000, 600, 400)
    assert (frozen["clusters"], frozen["comparisons"], frozen["version"]) == (30, 2, "f" * 64)
    assert (frozen["spent"], frozen["left"], frozen["worn_out"]) == (0.06, 0.0, True)
    assert (by_name["sentinel"]["spent"], by_name["sentinel"]["left"]) == (0.0, 0.05)
    assert by_name["rolling"] == {"set": "rolling", "version": None}  # nobody has looked at it


@pytest.mark.usefixtures("_asked")
def test_the_table_says_which_set_is_worn_out() -> None:
    lines = CliRunner().invoke(app, [], catch_exceptions=False).stdout.splitlines()
    (frozen,) = (line for line in lines if "frozen" in line)
    assert "ffffffff" in frozen
    assert "worn out" in frozen
    (sentinel,) = (line for line in lines if "sentinel" in line)
    assert "worn out" not in sentinel
