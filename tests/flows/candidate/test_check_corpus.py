"""Checks in `prepare` and by `antiphon check-data`, on files."""

from __future__ import annotations

import csv
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import typer
from click.testing import Result
from typer.testing import CliRunner

from flows import stages
from flows.candidate.check_corpus import SUMMARY, TABLE
from flows.commands import data
from models.audio.decoding import header_rate
from models.errors import InputError
from models.files.whole_files import read_rows
from models.params.data_checks import DataCheckParams
from models.params.tree import Params

app = typer.Typer()
app.command()(data.check_data)

RATE = 16_000


def voice(seed: int) -> np.ndarray:
    """A second of syllables of noise with pauses, of no fault."""
    rng = np.random.default_rng(seed)
    loudness = np.repeat(np.tile([0.1, 0.001], 5), RATE // 10)
    return loudness * rng.standard_normal(RATE)


@pytest.fixture
def corpus(tmp_path: Path) -> Iterator[Path]:
    """Fifteen voices of each class in each partition, of which nothing is to be said."""
    folder = tmp_path / "data" / "base"
    folder.mkdir(parents=True)
    rows = [
        {"utterance_id": f"{part}-{label}-{n}", "path": f"{part}-{label}-{n}.wav",
         "partition": part, "label": label, "speaker_id": f"{part}-{label}-{n}"}
        for part in ("train", "dev", "eval") for label in ("bonafide", "spoof") for n in range(15)
    ]  # fmt: skip
    for seed, row in enumerate(rows):
        soundfile.write(folder / row["path"], voice(seed), RATE)
    with (folder / "protocol.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    yield folder


def check(corpus: Path, *more: str) -> Result:
    words = ["--protocol", "antiphon", "--root", str(corpus), *more]
    return CliRunner().invoke(app, words, catch_exceptions=False)


@pytest.fixture
def here(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the corpus is `data/base`."""
    monkeypatch.chdir(corpus.parents[1])
    return corpus.parents[1]


def test_a_good_corpus_is_told_to_be_one(corpus: Path, here: Path) -> None:
    assert here
    result = check(corpus)
    assert result.exit_code == 0
    assert "90 clips" in result.stdout
    assert "nothing found" in result.stdout


def test_all_that_is_wrong_with_files_is_in_one_report(corpus: Path, here: Path) -> None:
    (corpus / "train-spoof-3.wav").unlink()
    (corpus / "dev-spoof-1.wav").unlink()
    (corpus / "eval-bonafide-0.wav").write_bytes(b"no audio")
    soundfile.write(corpus / "train-spoof-0.wav", voice(900)[:2_000], RATE)
    soundfile.write(corpus / "train-spoof-1.wav", np.zeros(RATE), RATE)
    soundfile.write(corpus / "train-spoof-2.wav", np.append(voice(902), np.zeros(2 * RATE)), RATE)
    soundfile.write(corpus / "dev-bonafide-0.wav", voice(901)[::2], RATE // 2)
    result = check(corpus, "--out", "found")
    assert result.exit_code == 1
    rows = {(row["kind"], row["name"]): row for row in read_rows(here / "found" / TABLE)}
    kinds = {"missing", "unreadable", "rate", "duration", "bandwidth", "silence"}
    assert {kind for kind, _ in rows} == kinds
    assert {name for kind, name in rows if kind == "missing"} == {"train-spoof-3", "dev-spoof-1"}
    assert {n for kind, n in rows if kind == "unreadable"} == {"eval-bonafide-0", "train-spoof-1"}
    assert rows["silence", "train-spoof-2"]["does"] == "report"
    assert "missing: 2 found, first train: train-spoof-3: no such file" in result.stdout


def test_what_only_is_reported_stops_nothing(corpus: Path, here: Path) -> None:
    soundfile.write(corpus / "train-spoof-0.wav", voice(900)[:2_000], RATE)
    result = check(corpus, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["findings"] == {"duration": {"count": 1, "does": "report"}}
    (here / "params.yaml").write_text("data_checks: {findings: {duration: stop}}")
    assert check(corpus, "--json").exit_code == 1


def test_a_length_that_gives_the_label_away_is_named_with_its_eer(corpus: Path, here: Path) -> None:
    for path in corpus.glob("*-spoof-*.wav"):
        soundfile.write(path, np.tile(soundfile.read(path)[0], 2), RATE)
    result = check(corpus, "--out", "found")
    assert result.exit_code == 0
    rows = [row for row in read_rows(here / "found" / TABLE) if row["kind"] == "shortcut"]
    values = {row["name"]: float(row["value"]) for row in rows}
    assert values["length"] == 0.0
    assert "length: alone it tells bona fide from spoof" in result.stdout
    columns = json.loads((here / "found" / SUMMARY).read_text())["shortcuts"]
    assert {"length", "level"} <= {column["column"] for column in columns}
    (here / "params.yaml").write_text("data_checks: {findings: {shortcut: stop}}")
    assert check(corpus).exit_code == 1


@pytest.mark.parametrize("protocol", ["antiphon", "nothing"])
def test_what_is_no_corpus_is_refused_in_one_sentence(tmp_path: Path, protocol: str) -> None:
    (tmp_path / "protocol.csv").write_text("utterance_id,file\na,b\n")
    with pytest.raises(InputError, match=r"no column path, label|no protocol named 'nothing'"):
        CliRunner().invoke(
            app, ["--protocol", protocol, "--root", str(tmp_path)], catch_exceptions=False
        )


def test_prepare_writes_findings_down_beside_the_leaks_and_goes_on(
    corpus: Path, here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert here
    soundfile.write(corpus / "train-spoof-0.wav", voice(900)[:2_000], RATE)
    soundfile.write(corpus / "dev-bonafide-0.wav", voice(901)[::2], RATE // 2)
    with caplog.at_level(logging.WARNING):
        stages.prepare(Params())
    rows = {(row["kind"], row["name"]) for row in read_rows(stages.PREPARED / TABLE)}
    assert rows >= {("duration", "base/train-spoof-0"), ("rate", "base/dev-bonafide-0")}
    assert json.loads((stages.PREPARED / SUMMARY).read_text())["clips"] == 90
    assert (stages.PREPARED / "leaks.csv").is_file()
    lines = [line for line in caplog.messages if TABLE in line]
    assert any(line.startswith("duration: 1 found, first train: base/train-s") for line in lines)
    assert len(lines) == len({kind for kind, _ in rows})  # one for each kind


def test_prepare_stops_where_that_is_asked_for_and_names_the_first(
    corpus: Path, here: Path
) -> None:
    assert here
    for name in ("train-spoof-0", "train-spoof-1"):
        soundfile.write(corpus / f"{name}.wav", voice(900)[:2_000], RATE)
    params = Params(data_checks=DataCheckParams(findings={"duration": "stop"}))
    with pytest.raises(
        InputError,
        match=r"^data: train: base/train-spoof-0: duration of 0.125 s, 0.5 s or more expected "
        r"\(duration, 2 in all, see data_checks.csv\); `data_checks.findings.duration: report` ",
    ):
        stages.prepare(params)
    assert len(read_rows(stages.PREPARED / TABLE)) == 2
    stages.prepare(replace(params, data_checks=DataCheckParams(shortest_s=0.1)))


def test_one_recording_under_both_labels_stops_a_cycle(corpus: Path, here: Path) -> None:
    assert here
    (corpus / "train-spoof-0.wav").write_bytes((corpus / "train-bonafide-0.wav").read_bytes())
    with pytest.raises(InputError, match="the same samples are bonafide as base/train-bonafide-0"):
        stages.prepare(Params())


def test_prepare_tells_of_all_files_that_cannot_be_read(corpus: Path, here: Path) -> None:
    assert here
    for name in ("train-spoof-0", "eval-bonafide-3", "eval-spoof-1"):
        (corpus / f"{name}.wav").write_bytes(b"no audio")
    with pytest.raises(InputError, match=r"train-spoof-0.*\(unreadable, 3 in all"):
        stages.prepare(Params())
    assert [row["kind"] for row in read_rows(stages.PREPARED / TABLE)] == ["unreadable"] * 3


def test_prepare_tells_of_all_corpora_that_cannot_be_used(corpus: Path, here: Path) -> None:
    (corpus / "dev-spoof-1.wav").unlink()
    (here / "data" / "other").mkdir()
    (here / "data" / "other" / "protocol.csv").write_text("utterance_id,file\na,b\n")
    with pytest.raises(InputError, match=r"1 of 90 audio files are missing.*; .*no column path"):
        stages.prepare(Params())


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_the_rate_is_that_of_the_header(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, voice(1), 8_000)
    assert header_rate(path) == 8_000


def test_a_rate_that_nothing_says_is_none(tmp_path: Path) -> None:
    for name in ("a.alaw", "a.wav"):
        (tmp_path / name).write_bytes(b"nothing that says a rate" * 9)
        assert header_rate(tmp_path / name) is None
