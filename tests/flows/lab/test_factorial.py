"""`antiphon cross-validate --plan factorial` and `antiphon compare-folds` on a small corpus."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import typer
from click.testing import Result
from typer.testing import CliRunner

from flows.commands.experiments import generalisation
from models.data.folds import EvaluationCell
from models.errors import InputError

pytestmark = pytest.mark.slow

RATE = 16_000
SOURCES, ATTACKS, EACH = ("one", "two", "three"), ("buzz", "hiss", "pure"), 40
CELLS = [str(cell) for cell in EvaluationCell]
PARAMS = """
window: {samples: 8000, hop: 8000}
detector: {name: spectrum}
adversarial: {epochs: 0}
"""
RECIPES = """
plain: {}
coarse: {detector: {options: {fft: 64, frame: 64}}}
"""

app = typer.Typer()
app.command()(generalisation.cross_validate)
app.command()(generalisation.compare_folds)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sources of other colours, in each a speaker and three synthesisers."""
    folder = tmp_path_factory.mktemp("sources")
    random = np.random.default_rng(1)
    rows = []
    for place, source in enumerate(SOURCES):
        for attack in ("", *ATTACKS):
            for number in range(EACH):
                name = f"{attack or 'human'}-{source}-{number}"
                soundfile.write(folder / f"{name}.wav", _sound(attack, place, random), RATE)
                rows.append({
                    "utterance_id": name,
                    "path": f"{name}.wav",
                    "partition": "train",
                    "label": "spoof" if attack else "bonafide",
                    "attack_id": attack,
                    "speaker_id": attack or f"person-{source}",
                    "source": source,
                })  # fmt: skip
    with (folder / "protocol.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def _sound(attack: str, place: int, random: np.random.Generator) -> np.ndarray:
    time = np.arange(8_000) / RATE
    pitch = random.uniform(100, 200)
    sound = np.sin(2 * np.pi * pitch * time)
    if attack == "buzz":
        sound = np.sign(sound)
    if attack == "hiss":
        sound += 0.5 * random.standard_normal(time.size)
    if not attack:
        sound += 0.3 * np.sin(4 * np.pi * pitch * time) + 0.1 * random.standard_normal(time.size)
    colour = np.convolve(sound, np.ones(1 + 2 * place), mode="same")
    return 0.2 * colour / np.abs(colour).max() + 1e-3 * random.standard_normal(time.size)


def cross_validate(corpus: Path, *more: str, seeds: int = 1, out: str = "out") -> Result:
    words = ["--protocol", "antiphon", "--root", str(corpus), "--plan", "factorial", "--out", out]
    counts = ["--folds", "3", "--seeds", str(seeds)]
    return CliRunner().invoke(
        app, ["cross-validate", *words, *counts, *more], catch_exceptions=False
    )


def compare(*folders: str) -> Result:
    return CliRunner().invoke(app, ["compare-folds", *folders, "--json"], catch_exceptions=False)


def document(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_recipes_are_compared_in_every_cell_on_the_same_folds(sources: Path, here: Path) -> None:
    (here / "recipes.yaml").write_text(RECIPES)
    result = cross_validate(sources, "--recipes", "recipes.yaml", "--json", seeds=2)
    report = document(result)
    assert list(report["recipes"]) == ["plain", "coarse"]
    assert list(report["differences"]) == ["coarse"]
    assert report["seeds"] == 2
    assert [len(fold["sources"]) for fold in report["folds"]] == [1, 1, 1]
    for cell in CELLS:
        assert sorted(report["recipes"]["plain"][cell]["by_attack"]) == sorted(ATTACKS)
        assert sorted(report["recipes"]["plain"][cell]["by_source"]) == sorted(SOURCES)
    assert report == json.loads((here / "out/report.json").read_text())
    assert "12 of 12: coarse, fold 3 (" in result.stderr
    # what is finished can be read again without the corpus, also while others are being trained
    assert document(compare("out")) == report
    (here / "out/runs/coarse/seed-2-fold-3/run.json").unlink()
    assert document(compare("out"))["seeds"] == 1


def test_what_is_finished_is_not_done_again(sources: Path, here: Path) -> None:
    first = cross_validate(sources, "--json")
    assert "finished earlier" not in first.stderr
    (here / "out/runs/params/seed-1-fold-2/run.json").unlink()  # as if killed before it
    second = cross_validate(sources, "--json")
    finished = [line.endswith("finished earlier") for line in second.stderr.splitlines()]
    assert finished == [True, False, True]
    assert {**document(second), "seconds": None} == {**document(first), "seconds": None}


def test_two_folders_are_compared_only_on_the_same_folds(sources: Path, here: Path) -> None:
    cross_validate(sources)
    (here / "params.yaml").write_text(PARAMS + "calibration: {miss_rate: 0.02}\n")
    cross_validate(sources, out="same")
    report = document(compare("out", "same"))
    assert list(report["differences"]) == ["same/params"]
    pooled = report["differences"]["same/params"][CELLS[-1]]["figures"]["pooled"]
    assert (pooled["value"], pooled["low"], pooled["high"]) == (0, 0, 0)
    groups = ["--groups", "pure,hiss,buzz", "--source-groups", "one,two,three"]
    cross_validate(sources, *groups, out="other")
    with pytest.raises(InputError, match="other: the folds of out expected"):
        compare("out", "other")
    with pytest.raises(InputError, match="another --out expected"):
        cross_validate(sources, *groups)


def test_a_person_reads_what_each_cell_is_and_what_the_intervals_are(
    sources: Path, here: Path
) -> None:
    text = cross_validate(sources).stdout
    for cell in CELLS:
        assert cell in text
    for words in ("speaker in train", "mean over attacks", "heard: in the training data", "95 %"):
        assert words in text
    assert max(map(len, text.splitlines()[:-4])) <= generalisation.PIPED
    assert f"**{CELLS[-1]}: EER % of each attack**" in (here / "out/report.md").read_text()


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (["--groups", "buzz+hiss,pure,vits"], "no attack named 'vits'"),
        (["--source-groups", "one,two"], "3 folds or more expected"),
        (["--unseen-attacks"], "--plan k-fold expected"),
        (["--plan", "k-fold", "--recipes", "recipes.yaml"], "--plan factorial expected, found k-"),
        (["--recipes", "recipes.yaml"], "recipe wrong: no section 'promotion' in a recipe"),
        (["--recipes", "names.yaml"], "a name of letters, digits and .+-_ expected"),
        (["--weights", "nowhere"], "nowhere: not a detector folder"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_packed(
    sources: Path, here: Path, more: list[str], complaint: str
) -> None:
    (here / "recipes.yaml").write_text("wrong: {promotion: {level: 0.1}}\n")
    (here / "names.yaml").write_text("a/b: {}\n")
    with pytest.raises(InputError, match=complaint):
        cross_validate(sources, *more)
    assert not (here / "out").exists()


def test_a_folder_without_folds_is_no_folder_to_compare(here: Path) -> None:
    with pytest.raises(InputError, match="a folder of cross-validate --plan factorial expected"):
        compare(str(here))
