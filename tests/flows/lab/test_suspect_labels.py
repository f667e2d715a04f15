"""`antiphon label-noise` on a corpus and on a score file."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from flows.commands import data
from models.errors import InputError
from models.files.whole_files import read_rows

PARAMS = """
label_noise: {options: {components: 8, frames: 4000}, folds: 3}
"""

app = typer.Typer()
app.command()(data.label_noise)


@pytest.fixture
def mislabelled(tone_corpus: Path, here: Path) -> Path:
    """Voices and noises, four of which are said to be the other."""
    folder = here / "corpus"
    folder.mkdir()
    for path in tone_corpus.glob("*.flac"):
        (folder / path.name).symlink_to(path)
    with (tone_corpus / "protocol.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        if row["utterance_id"] in WRONG:
            was = row["label"]
            row["label"] = "spoof" if was == "bonafide" else "bonafide"
            row["attack_id"] = "noise" if was == "bonafide" else ""
    with (folder / "protocol.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


WRONG = {"bonafide-3-0", "bonafide-22-1", "spoof-5-1", "spoof-30-0"}


def look(*words: str) -> Result:
    return CliRunner().invoke(app, words, catch_exceptions=False)


def test_wrong_labels_are_found_with_their_files_and_the_work_is_done_once(
    mislabelled: Path, here: Path
) -> None:
    words = ("--protocol", "antiphon", "--root", str(mislabelled), "--out", "out", "--json")
    first = look(*words)
    assert first.exit_code == 0
    document = json.loads(first.stdout)
    suspects = {suspect["utterance_id"] for suspect in document["suspects"]}
    assert suspects <= WRONG  # and nobody else
    assert len(suspects) >= 3
    assert document["trials"] == 152
    rows = read_rows(here / "out" / "suspects.csv")
    names = [suspect["utterance_id"] for suspect in document["suspects"]]
    assert [row["utterance_id"] for row in rows] == names
    assert all(Path(row["path"]).is_file() for row in rows)
    assert "finished earlier" not in first.stderr
    second = look(*words)
    assert second.stderr.count("finished earlier") == 3
    assert json.loads(second.stdout) == document
    assert json.loads((here / "out" / "label_noise.json").read_text()) == document


def test_speakers_are_kept_apart_where_that_is_asked_for(mislabelled: Path, here: Path) -> None:
    (here / "params.yaml").write_text(PARAMS.replace("folds: 3", "folds: 3, apart: speakers"))
    result = look("--protocol", "antiphon", "--root", str(mislabelled), "--out", "out")
    assert result.exit_code == 0
    table = read_rows(here / "out/clips/all.csv")
    speakers: dict[str, set[str]] = {}
    for path in here.glob("out/runs/*/scores.csv"):
        for row in read_rows(path):
            speakers.setdefault(row["cluster"], set()).add(path.parent.name)
    assert len(speakers) == len({row["speaker_id"] for row in table})
    assert all(len(folds) == 1 for folds in speakers.values())
    assert "trials look like the other class" in result.stdout


def test_a_score_file_needs_no_training(here: Path) -> None:
    lines = ["utterance_id,label,cm_score"]
    lines += [f"b{n},bonafide,{n % 7}" for n in range(60)]
    lines += [f"s{n},spoof,{-1 - n % 7}" for n in range(60)]
    (here / "scores.csv").write_text("\n".join([*lines, "turned,bonafide,-6", ""]))
    result = look("--scores", "scores.csv", "--out", "out")
    assert result.exit_code == 0
    assert read_rows(here / "out" / "suspects.csv")[0]["utterance_id"] == "turned"
    assert "turned" in result.stdout


@pytest.mark.parametrize(
    "words", [(), ("--protocol", "antiphon"), ("--scores", "a", "--protocol", "b", "--root", "c")]
)
def test_a_corpus_or_scores_are_expected(here: Path, words: tuple[str, ...]) -> None:
    assert here
    with pytest.raises(InputError, match="--protocol with --root expected, or --scores"):
        look(*words)


def test_a_detector_that_is_not_known_is_refused_before_anything_is_packed(
    mislabelled: Path, here: Path
) -> None:
    (here / "params.yaml").write_text("label_noise: {detector: wave, options: {}}")
    with pytest.raises(InputError, match="no detector named 'wave'"):
        look("--protocol", "antiphon", "--root", str(mislabelled), "--out", "out")
    assert not (here / "out").exists()
