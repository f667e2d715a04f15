"""`antiphon simulate-gate` prints a table for people, and the same as one object."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from flows.commands.simulation import simulate_gate
from models.promotion import simulated_pairs

app = typer.Typer()
app.command()(simulate_gate)
runner = CliRunner()
SMALL = ("--pairs", "1", "--shadows", "1", "--labels", "20", "--resamples", "100")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(simulated_pairs, "SPEAKERS", 20)
    monkeypatch.setattr(simulated_pairs, "DEV_SPEAKERS", 20)


def test_every_truth_has_a_row_with_intervals() -> None:
    result = runner.invoke(app, [*SMALL])
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("| the candidate is | its EER | naive | strict | ours at once |")
    assert [line.split(" | ")[0] for line in lines[2:7]] == [
        "| equal",
        "| slightly better",
        "| clearly better",
        "| worse",
        "| better, one attack broken",
    ]
    assert " (" in lines[2] and "–" in lines[2]
    assert lines[8] == ("| traffic | equal | equal, laxer | slightly better | clearly better |")
    assert [line.split(" | ")[0] for line in lines[10:]] == [
        "| fresh callers",
        "| fresh callers, 5 % spoofs",
        "| returning callers with habits",
        "| returning, 20 % spoofs",
    ]


def test_the_same_seed_gives_the_same_object() -> None:
    arguments = [*SMALL, "--seed", "3", "--json"]
    one, two = (runner.invoke(app, arguments) for _ in range(2))
    assert one.stdout == two.stdout
    document = json.loads(one.stdout)
    assert (document["pairs"], document["seed"]) == (1, 3)
    equal = document["truths"][0]
    assert equal["eer_falls_by"] == 0
    assert set(equal["promoted"]) == {
        "naive",
        "strict",
        "ours at once",
        "ours in shadow",
        "ours in all",
    }
    assert equal["promoted"]["naive"]["count"] in (0, 1)
    shadows = document["shadows"]
    assert len(shadows) == 16
    assert shadows[0]["challenger"] == "equal"
    assert shadows[0]["promoted"]["count"] in (0, 1)
