"""`antiphon tune` on a small corpus, with a real study and real MLflow runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from click.testing import Result
from typer.testing import CliRunner

from flows.commands.experiments import tuning
from flows.lab import tuning as search
from flows.lab.search_spaces import with_values
from models.errors import InputError
from models.params.tree import read_params
from models.training.state import EpochResult

NARROW = {"sinc_filters": 12, "sinc_length": 33, "widths": [4], "graph_dims": [8, 8]}
PARAMS = f"""
window: {{samples: 8000, hop: 8000}}
detector: {{name: aasist, options: {json.dumps(NARROW)}}}
training: {{learning_rate: 1.0e-3, batch_size: 4, epochs: 3, steps_per_epoch: 1,
            crop_samples: 8000}}
"""
SPACE = """
training.learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}
detector.options.blocks: {low: 5, high: 6}
detector.options.widths: {choices: [[4], [4, 6]]}
"""

app = typer.Typer()
app.command()(tuning.tune)


class Killed(BaseException):
    """What a kill is to a program that cannot catch it."""


@pytest.fixture
def here(mlflow_state: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a params.yaml that asks for little, a space, and MLflow."""
    monkeypatch.setenv("ANTIPHON_DEVICE", "cpu")
    (mlflow_state.parent / "params.yaml").write_text(PARAMS)
    (mlflow_state.parent / "space.yaml").write_text(SPACE)
    return mlflow_state.parent


def tune(corpus: Path, *more: str, trials: int = 3, out: str = "out") -> Result:
    words = ["--protocol", "antiphon", "--root", str(corpus), "--out", out]
    more = ("--trials", str(trials), "--startup", "2", "--space", "space.yaml", *more)
    return CliRunner().invoke(app, [*words, *more], catch_exceptions=False)


def document(out: Path) -> dict[str, Any]:
    return json.loads((out / "tuning.json").read_text())


def runs(name: str) -> list[Any]:
    from infra.mlflow_client import connect
    from infra.settings import settings

    client = connect(settings())
    experiment = client.get_experiment_by_name(settings().experiment)
    return [
        run
        for run in client.search_runs([experiment.experiment_id], max_results=100)
        if run.info.run_name.startswith(name)
    ]


@pytest.mark.slow
def test_the_best_is_a_part_of_params_yaml_and_trials_are_runs_below_one(
    tone_corpus: Path, here: Path
) -> None:
    without_eval = here / "corpus"
    shutil.copytree(tone_corpus, without_eval)
    for path in without_eval.glob("*.flac"):
        if int(path.stem.split("-")[1]) >= 20:
            path.write_bytes(b"eval is never read")
    result = tune(without_eval)
    tuning = document(here / "out")
    assert [trial["number"] for trial in tuning["trials"]] == [1, 2, 3]
    complete = [trial for trial in tuning["trials"] if trial["state"] == "complete"]
    best = min(complete, key=lambda trial: trial["dev_eer"])
    assert tuning["best"]["values"] == best["values"]

    piece = yaml.safe_load(result.stdout)
    assert piece["detector"]["options"]["sinc_filters"] == 12
    assert result.stdout == (here / "out" / "best.yaml").read_text()
    chosen = with_values(read_params(here / "params.yaml"), best["values"], "test")
    assert chosen == read_params(_pasted(here, piece))

    (parent,) = runs("tune aasist")
    children = runs("trial ")
    assert len(children) == 3
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert {run.info.status for run in [parent, *children]} == {"FINISHED"}
    assert parent.data.metrics["best_dev_eer"] == pytest.approx(best["dev_eer"])
    assert all("training.learning_rate" in run.data.params for run in children)


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on_to_the_same_trials(
    tone_corpus: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune(tone_corpus, out="whole")
    whole = document(here / "whole")
    reported: list[EpochResult] = []
    plain = search.Search._follower

    def killing(self: search.Search, trial: Any, run: str) -> Any:
        follow = plain(self, trial, run)

        def report(epoch: EpochResult) -> None:
            reported.append(epoch)
            follow(epoch)
            if len(reported) == 5:  # the second epoch of the second trial
                raise Killed

        return report

    with monkeypatch.context() as patch:
        patch.setattr(search.Search, "_follower", killing)
        with pytest.raises(Killed):
            tune(tone_corpus)
    result = tune(tone_corpus)
    assert result.stderr.startswith("2 of 3")  # the first is not done again
    assert document(here / "out")["trials"] == whole["trials"]
    assert len(runs("trial 2")) == 2  # one of each search: what was killed went on with its own run
    assert not list((here / "out" / "checkpoints").glob("*"))


@pytest.mark.slow
def test_a_trial_above_the_median_is_given_up(
    tone_corpus: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = search.Search._follower
    number = iter(range(3))

    def scored(self: search.Search, trial: Any, run: str) -> Any:
        follow, mine = plain(self, trial, run), next(number)

        def report(epoch: EpochResult) -> None:
            from dataclasses import replace

            follow(replace(epoch, dev_eer=(0.1, 0.2, 0.4)[mine]))

        return report

    monkeypatch.setattr(search.Search, "_follower", scored)
    result = tune(tone_corpus)
    trials = document(here / "out")["trials"]
    assert [(trial["state"], trial["epochs"]) for trial in trials] == [
        ("complete", 3), ("complete", 3), ("pruned", 2),
    ]  # fmt: skip
    assert "3 of 3: given up: dev EER above the median of other trials" in result.stderr


def test_a_search_of_another_space_is_not_mixed_with_this(tone_corpus: Path, here: Path) -> None:
    tune(tone_corpus, trials=1)
    (here / "space.yaml").write_text(SPACE.replace("1.0e-2", "2.0e-2"))
    with pytest.raises(InputError, match=r"study\.db: a search with another space; another --out"):
        tune(tone_corpus, trials=1)


@pytest.mark.parametrize(
    ("space", "complaint"),
    [
        ("training.learning_rat: {low: 1.0e-4, high: 1.0}", "no parameter named 'learning_rat'"),
        ("training.learning_rate: {low: 1.0e-4, high: 7.0}", "learning_rate: 0 to 1 expected"),
        ("training.batch_size: {low: 4, high: 8, step: 2}", r"low and high \(and log\) or choices"),
        ("training.batch_size: {low: 8, high: 4}", "a number low below a number high"),
        ("training.learning_rate: {low: 0.0, high: 1.0, log: true}", "low above 0 expected"),
        ("detector.options.depth: {low: 5, high: 6}", "no option named 'depth'"),
        ("detector.options.blocks: {low: 5, high: 9}", "option blocks: a whole number 4 to 7"),
        ("detector.options.widths: {choices: [[4]]}", "a list of at least two expected"),
        ("promotion.confidence: {low: 0.6, high: 0.9}", "no section 'promotion' in a recipe"),
        ("{}", "at least one key to search expected"),
    ],
)
def test_a_bad_space_is_refused_by_name_before_anything_is_packed(
    tone_corpus: Path, here: Path, space: str, complaint: str
) -> None:
    (here / "space.yaml").write_text(space + "\n")
    with pytest.raises(InputError, match=complaint):
        tune(tone_corpus)
    assert not (here / "out").exists()


def _pasted(here: Path, piece: dict[str, Any]) -> Path:
    """params.yaml with a piece over it."""
    params = yaml.safe_load(PARAMS)
    params["training"] |= piece["training"]
    params["detector"] = piece["detector"]
    path = here / "pasted.yaml"
    path.write_text(yaml.safe_dump(params))
    return path
