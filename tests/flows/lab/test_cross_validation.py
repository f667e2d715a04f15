"""`antiphon cross-validate` on a corpus that is small, by a detector that is narrow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from flows.commands.experiments import generalisation
from models.data.lessons import write_lessons
from models.detectors import build_detector
from models.errors import InputError
from models.packaging.checkpoint import save_detector
from models.params.window import WindowParams

NARROW = {"sinc_filters": 12, "sinc_length": 33, "widths": [4], "graph_dims": [8, 8]}
PARAMS = f"""
window: {{samples: 8000, hop: 8000}}
detector: {{name: aasist, options: {json.dumps(NARROW)}}}
training: {{learning_rate: 1.0e-3, batch_size: 4, epochs: 1, steps_per_epoch: 2,
            crop_samples: 8000}}
fine_tuning: {{learning_rate: 0.0, epochs: 1}}
adversarial: {{epochs: 0}}
"""

app = typer.Typer()
app.command()(generalisation.cross_validate)


def cross_validate(corpus: Path, *more: str, folds: int = 3, seeds: int = 1) -> Result:
    words = ["--protocol", "antiphon", "--root", str(corpus), "--out", "out"]
    counts = ["--folds", str(folds), "--seeds", str(seeds)]
    return CliRunner().invoke(app, [*words, *counts, *more], catch_exceptions=False)


def document(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_every_fold_and_seed_is_in_the_document_that_was_promised(
    tone_corpus: Path, here: Path
) -> None:
    report = document(cross_validate(tone_corpus, "--json", seeds=2))
    assert {key: report[key] for key in ("protocol", "plan", "weights")} == {
        "protocol": "antiphon", "plan": "k-fold", "weights": None,
    }  # fmt: skip
    assert list(report["by_fold"]) == ["fold 1", "fold 2", "fold 3"]
    assert list(report["by_attack"]) == ["noise"]
    cells = {(run["fold"], run["seed"]) for run in report["runs"]}
    assert cells == {(f"fold {n}", seed) for n in (1, 2, 3) for seed in (2026, 2027)}
    assert sum(run["trials"]["spoof"] for run in report["runs"]) == 2 * 76  # each once a seed
    assert 0 <= report["eer"]["mean"] <= 1
    assert report["eer"]["over_folds"] > 0
    assert (report["eer"]["folds"], report["eer"]["seeds"]) == (3, 2)
    assert report == json.loads((here / "out" / "report.json").read_text())


def test_what_is_finished_is_not_done_again(tone_corpus: Path, here: Path) -> None:
    first = cross_validate(tone_corpus, "--json")
    assert "finished earlier" not in first.stderr
    written = {path: path.stat().st_mtime_ns for path in here.glob("out/runs/*/scores.csv")}
    (here / "out/runs/seed-1-fold-2/run.json").unlink()  # as if killed before it
    second = cross_validate(tone_corpus, "--json")
    assert document(second) == document(first)
    finished = [line.endswith("finished earlier") for line in second.stderr.splitlines()]
    assert finished == [True, False, True]
    changed = [path.parent.name for path, at in written.items() if path.stat().st_mtime_ns != at]
    assert changed == ["seed-1-fold-2"]
    assert not list(here.glob("out/runs/*/checkpoints"))


def test_other_params_ask_for_other_runs(tone_corpus: Path, here: Path) -> None:
    cross_validate(tone_corpus)
    (here / "params.yaml").write_text(PARAMS.replace("1.0e-3", "2.0e-3"))
    assert "finished earlier" not in cross_validate(tone_corpus).stderr


def test_a_person_reads_tables_and_what_the_intervals_are(tone_corpus: Path, here: Path) -> None:
    assert here
    text = cross_validate(tone_corpus).stdout
    for words in ("fold 3", "noise", "mean of 3 folds: EER", "over folds", "Student's t 95 %"):
        assert words in text
    assert max(map(len, text.splitlines())) <= 160


def test_copies_are_learnt_from_where_params_ask_for_them(tone_corpus: Path, here: Path) -> None:
    (here / "params.yaml").write_text(PARAMS + "copy_synthesis: {griffin_lim: 0.1}\n")
    report = document(cross_validate(tone_corpus, "--json"))
    assert "griffin_lim_copy" in (here / "out/clips/all.csv").read_text()
    assert list(report["by_attack"]) == ["noise"]


def test_training_goes_on_from_weights_and_says_what_they_know(
    tone_corpus: Path, here: Path
) -> None:
    options = {**NARROW, "graph_dims": [8, 16]}  # the weights' own, not those of params.yaml
    save_detector(build_detector("aasist", options), here / "weights", WindowParams())
    write_lessons(here / "weights", [("base/bonafide-3-0", None), ("base/elsewhere", "noise")])
    result = cross_validate(tone_corpus, "--weights", "weights", "--json")
    assert document(result)["weights"] == "weights"
    assert "weights was trained on 1 of the 152 trials" in result.stderr


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (["--plan", "attacks"], "noise: no spoof trial is left for train"),
        (["--plan", "sources"], "the trials name no source"),
        (["--plan", "attacks", "--groups", "noise+vits"], "no attack named 'vits'"),
        (["--weights", "nowhere"], "nowhere: not a detector folder"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_packed(
    tone_corpus: Path, here: Path, more: list[str], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        cross_validate(tone_corpus, *more)
    assert not (here / "out").exists()


def test_groups_are_read_as_they_are_typed() -> None:
    assert generalisation.parse_groups("a+b, c") == (("a", "b"), ("c",))
