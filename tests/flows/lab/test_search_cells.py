"""`antiphon search` on a corpus that is small."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import typer
import yaml
from click.testing import Result
from typer.testing import CliRunner

from flows.commands.experiments import search
from models.detectors import build_detector, resolve_options
from models.errors import InputError

OPTIONS = {"features": "mel", "feature_options": {"bands": 8, "hop": 640}, "cells": 2}
PARAMS = f"""
window: {{samples: 8000, hop: 8000}}
detector: {{name: light-darts, options: {json.dumps(OPTIONS)}}}
search: {{steps: 4, cells: 1, channels: 2}}
training: {{batch_size: 4, crop_samples: 8000, bonafide_weight: 0.5}}
"""

app = typer.Typer()
app.command()(search.search)


def search_on(corpus: Path, *more: str) -> Result:
    words = ["--protocol", "antiphon", "--root", str(corpus), "--out", "found/genotype.yaml"]
    return CliRunner().invoke(app, [*words, *more], catch_exceptions=False)


def test_a_search_writes_a_genotype_that_builds_a_detector(tone_corpus: Path, here: Path) -> None:
    result = search_on(tone_corpus)
    assert result.exit_code == 0
    document = yaml.safe_load((here / "found" / "genotype.yaml").read_text())
    genotype = document["genotype"]
    detector = build_detector("light-darts", {**OPTIONS, "genotype": genotype})
    assert detector.options["genotype"] == genotype
    first = genotype["normal"][0][0]
    assert f"normal 2: {first[0]} of {first[1]}" in result.stdout
    origin = document["found"]
    assert origin["options"] == OPTIONS
    assert origin["search"]["steps"] == 4
    assert [epoch["step"] for epoch in origin["history"]] == [1, 2, 3, 4]
    assert origin["trials"].keys() == {"train", "dev"}


def test_the_same_search_finds_the_same_and_never_reads_eval(tone_corpus: Path, here: Path) -> None:
    corpus = here / "corpus"
    shutil.copytree(tone_corpus, corpus)
    for path in corpus.glob("*-2[0-9]-*.flac"):  # the speakers of eval
        path.write_bytes(b"no audio")
    whole, broken = search_on(tone_corpus, "--json"), search_on(corpus, "--json")
    assert json.loads(whole.stdout) == json.loads(broken.stdout)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("light-darts", "aasist"), r"detector\.name: light-darts expected, found aasist"),
        (("steps: 4", "steps: 0"), r"search\.steps: 1 to .* expected, found 0"),
        (("steps: 4", "pace: 4"), "search: no parameter named 'pace'"),
    ],
)
def test_params_that_cannot_be_searched_with_are_refused(
    change: tuple[str, str], sentence: str, tone_corpus: Path, here: Path
) -> None:
    (here / "params.yaml").write_text(PARAMS.replace(*change))
    with pytest.raises(InputError, match=sentence):
        search_on(tone_corpus)


def test_the_architecture_can_be_learnt_on_half_of_train(tone_corpus: Path, here: Path) -> None:
    (here / "params.yaml").write_text(
        PARAMS.replace("search: {", "search: {architecture_from: train, order: second, ")
    )
    document = json.loads(search_on(tone_corpus, "--json").stdout)
    assert document["found"]["search"]["architecture_from"] == "train"
    assert resolve_options("light-darts", {"genotype": document["genotype"]})
