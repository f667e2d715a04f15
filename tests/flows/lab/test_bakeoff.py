"""`antiphon bakeoff` on a small corpus of two attacks, by detectors that are narrow."""

from __future__ import annotations

import csv
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from click.testing import Result
from typer.testing import CliRunner

from flows.commands.experiments import bakeoff as command
from flows.lab.bakeoff.runs import MemberRun
from models.errors import InputError
from models.training import budget
from models.training.state import EpochResult

NARROW = {"form": "cnn", "widths": [2, 2, 2]}
PARAMS = f"""
window: {{samples: 8000, hop: 8000}}
detector: {{name: cnn-lstm, options: {json.dumps(NARROW)}}}
training: {{learning_rate: 5.0e-3, batch_size: 4, crop_samples: 8000}}
"""
RECIPES = {
    "wider": {
        "detector": {"name": "cnn-lstm", "options": {"widths": [4, 4, 4]}},
        "training": {"loss": "bce"},
        "window": {"samples": 9000},
    },
    "broken": {"detector": {"name": "cnn-lstm", "options": {"dropout": 7}}},
}
MINUTES = "0.04"

app = typer.Typer()
app.command()(command.bakeoff)


@pytest.fixture(scope="session")
def two_attacks(tone_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same corpus, the noise of every other voice under another name."""
    folder = tmp_path_factory.mktemp("two-attacks") / "corpus"
    shutil.copytree(tone_corpus, folder)
    with (folder / "protocol.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        if row["attack_id"] and int(row["speaker_id"].split("-")[1]) % 2:
            row["attack_id"] = "hiss"
    with (folder / "protocol.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with params.yaml and recipes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANTIPHON_DEVICE", "cpu")
    (tmp_path / "params.yaml").write_text(PARAMS)
    (tmp_path / "recipes.yaml").write_text(yaml.safe_dump(RECIPES))
    return tmp_path


def bakeoff(corpus: Path, detectors: str, *more: str, budget: str = MINUTES) -> Result:
    words = ["--protocol", "antiphon", "--root", str(corpus), "--out", "out"]
    words += ["--detectors", detectors, "--budget", budget, *more]
    return CliRunner().invoke(app, words, catch_exceptions=False)


def rows_of(out: Path) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads((out / "bakeoff.json").read_text())["detectors"]}


@pytest.mark.slow
def test_every_figure_is_there_and_who_fails_does_not_stop_the_others(
    two_attacks: Path, here: Path
) -> None:
    options = ("--groups", "noise", "--recipes", "recipes.yaml")
    result = bakeoff(two_attacks, "cnn-lstm,broken,wider", *options)
    assert result.exit_code == 1  # one failed
    rows = rows_of(here / "out")
    reason = "option dropout: a number 0 to 1 expected, found 7"
    assert rows["broken"]["failure"] == reason
    assert f"broken failed: {reason}" in result.stdout
    for name in ("cnn-lstm", "wider"):
        row = rows[name]
        assert row["failure"] is None
        assert set(row["report"]["by_attack"]) == {"hiss", "noise"}
        assert set(row["unmet"]["by_attack"]) == {"noise"}
        assert row["latency_ms"] > 0
        assert row["size"]["graph_bytes"] == (here / "out" / name / "detector/detector.onnx").stat(
        ).st_size  # fmt: skip
        assert row["training"]["steps"] >= 1
        assert 0 < row["training"]["spent_s"] < 5 * 60 * float(MINUTES)
    assert 0 < rows["cnn-lstm"]["size"]["macs"] < rows["wider"]["size"]["macs"]
    assert rows["cnn-lstm"]["size"]["parameters"] < rows["wider"]["size"]["parameters"]
    assert json.loads((here / "out/wider/detector/manifest.json").read_text())["window"][
        "samples"
    ] == 9000  # fmt: skip

    table = (here / "out" / "bakeoff.md").read_text()
    eer = 100 * rows["cnn-lstm"]["report"]["pooled"]["eer"]
    assert f"| cnn-lstm | {rows['cnn-lstm']['size']['parameters']:,} |" in table
    assert f"| {eer:.2f} |" in table
    assert "- broken failed: " in table
    assert rows["spectrum"]["training"]["steps"] == 0  # the baseline, though nobody named it
    assert f"| spectrum | {rows['spectrum']['size']['parameters']:,} |" in table
    (length,) = [line for line in table.splitlines() if line.startswith("| length |")]
    shortcuts = json.loads((here / "out/bakeoff.json").read_text())["shortcuts"]
    of_length = next(row for row in shortcuts if row["column"] == "length")
    assert f"| {100 * of_length['eer']:.2f} |" in length
    assert (here / "out" / "det.png").read_bytes().startswith(b"\x89PNG")

    again = bakeoff(two_attacks, "cnn-lstm,wider", *options[:2], "--recipes", _without_broken(here))
    assert again.exit_code == 0
    lines = [line for line in again.stderr.splitlines() if "EER" in line]
    assert len(lines) == 6  # of two members and the baseline, with all attacks and without one
    assert all(line.endswith("finished earlier") for line in lines)
    for name, row in rows_of(here / "out").items():
        assert {**row, "latency_ms": None} == {**rows[name], "latency_ms": None}


@pytest.mark.slow
def test_a_training_that_was_killed_goes_on_with_its_plan(
    two_attacks: Path,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Killed(BaseException):
        """What a kill is to a program that cannot catch it."""

    monkeypatch.setattr(budget, "SHARE_OF_LOOKS", 0.5)  # several, in however short a training
    plain = MemberRun._recorder

    def killing(self: MemberRun, device: str) -> Callable[[EpochResult], None]:
        record = plain(self, device)

        def report(epoch: EpochResult) -> None:
            record(epoch)
            if epoch.epoch == 2:
                raise Killed

        return report

    with monkeypatch.context() as patch:
        patch.setattr(MemberRun, "_recorder", killing)
        with pytest.raises(Killed):
            bakeoff(two_attacks, "cnn-lstm", "--no-unmet", budget="0.06")
    plan = (here / "out/cnn-lstm/plan.json").read_text()
    with caplog.at_level(logging.INFO):
        assert bakeoff(two_attacks, "cnn-lstm", "--no-unmet", budget="0.06").exit_code == 0
    assert (here / "out/cnn-lstm/plan.json").read_text() == plan
    assert "training goes on from step" in caplog.text
    with (here / "out/cnn-lstm/epochs.csv").open() as stream:
        epochs = [int(row["epoch"]) for row in csv.DictReader(stream)]
    row = rows_of(here / "out")["cnn-lstm"]
    assert epochs == list(range(1, row["training"]["epochs"] + 1))
    assert not (here / "out/cnn-lstm/checkpoints").exists()
    assert "attacks were not left out" in (here / "out/bakeoff.md").read_text()


def test_a_budget_without_room_for_a_step_is_a_failure_with_the_minutes_it_would_take(
    two_attacks: Path, here: Path
) -> None:
    result = bakeoff(two_attacks, "cnn-lstm", "--no-unmet", budget="1e-6")
    assert result.exit_code == 1
    failure = rows_of(here / "out")["cnn-lstm"]["failure"]
    assert failure.startswith("budget: at least ")
    assert failure.endswith("for one step and one look at dev, found 1e-06")
    assert rows_of(here / "out")["spectrum"]["failure"] is None  # it takes no step


@pytest.mark.parametrize(
    ("detectors", "more", "complaint"),
    [
        ("aasist,asist", [], "no detector named 'asist'; known: aasist"),
        ("aasist,aasist", [], "'aasist' is named twice"),
        (",", [], "at least one detector expected"),
        ("../x", [], "a name of letters, digits"),
        ("aasist", ["--recipes", "recipes.yaml"], "a recipe for 'broken', which is not among"),
        ("aasist", ["--groups", "noise+vits"], "no attack named 'vits'"),
        ("aasist", ["--budget", "0"], "more than 0 minutes expected, found 0"),
        ("aasist", ["--recipes", "a.yaml"], "recipe aasist: training: no parameter named 'los'"),
        ("aasist", ["--recipes", "b.yaml"], "recipe aasist: no section 'copy_synthesis'"),
        ("aasist", ["--recipes", "c.yaml"], "aasist: no option named 'width'"),
        ("aasist", ["--recipes", "d.yaml"], "recipes by name expected"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_packed(
    two_attacks: Path, here: Path, detectors: str, more: list[str], complaint: str
) -> None:
    (here / "a.yaml").write_text("aasist: {training: {los: bce}}")
    (here / "b.yaml").write_text("aasist: {copy_synthesis: {world: 0.1}}")
    (here / "c.yaml").write_text("aasist: {detector: {options: {width: 3}}}")
    (here / "d.yaml").write_text("- aasist")
    with pytest.raises(InputError, match=complaint):
        bakeoff(two_attacks, detectors, *more)
    assert not (here / "out").exists()


def _without_broken(here: Path) -> str:
    (here / "two.yaml").write_text(yaml.safe_dump({"wider": RECIPES["wider"]}))
    return "two.yaml"
