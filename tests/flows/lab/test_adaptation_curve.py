"""`antiphon adaptation-curve` on hums of people, noises as old spoofs and dull hums as new ones."""

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

from flows.commands.experiments import adaptation
from models.errors import InputError

RATE = 16_000
COUNTS = {"train": 24, "dev": 12, "eval": 16}
PARAMS = """
window: {samples: 8000, hop: 8000}
detector: {name: spectrum}
training: {crop_samples: 8000}
augmentation: {}
adversarial: {epochs: 0}
"""

app = typer.Typer()
app.command()(adaptation.adaptation_curve)


def hum(rng: np.random.Generator, overtones: int = 11) -> np.ndarray:
    time = np.arange(int(RATE * 0.7)) / RATE
    phase = 2 * np.pi * rng.uniform(90, 220) * time
    return sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, overtones + 1))


def noise(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal(int(RATE * 0.7))


def dull(rng: np.random.Generator) -> np.ndarray:
    """A hum that is further from noise than people are."""
    return hum(rng, overtones=5)


KINDS = {"": (hum, "0"), "noise": (noise, "0"), "dull": (dull, "1")}


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("releases")
    rng = np.random.default_rng(7)
    rows = []
    for partition, count in COUNTS.items():
        for attack, (make, release) in KINDS.items():
            for number in range(count):
                name = f"{attack or 'human'}-{partition}-{number}"
                waveform = make(rng) + 0.01 * rng.standard_normal(int(RATE * 0.7))
                soundfile.write(folder / f"{name}.flac", 0.1 * waveform / waveform.std(), RATE)
                rows.append(
                    {
                        "utterance_id": name, "path": f"{name}.flac", "partition": partition,
                        "label": "spoof" if attack else "bonafide", "attack_id": attack,
                        "speaker_id": f"{attack}-{partition}-{number % 4}", "source": partition,
                        "release": release, "text": f"{partition} {number}",
                    }
                )  # fmt: skip
    with (folder / "protocol.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS)
    return tmp_path


def curve(corpus: Path, *more: str) -> Result:
    words = ["--protocol", "antiphon", "--root", str(corpus), "--out", "out", "--seeds", "1"]
    return CliRunner().invoke(app, [*words, *more], catch_exceptions=False)


def point(document: dict[str, Any], path: str, labels: int) -> dict[str, Any]:
    points = document["points"]
    return next(p for p in points if (p["path"], p["labels"]) == (path, labels))


def test_labels_of_a_new_attack_lower_its_eer_on_both_paths(releases: Path, here: Path) -> None:
    result = curve(releases, "--paths", "fast,full", "--labels", "5,20,500", "--json")
    document = json.loads(result.stdout)
    assert {(p["attack"], p["labels"]) for p in document["points"]} == {
        ("dull", 0), ("dull", 5), ("dull", 20),  # there are no 500
    }  # fmt: skip
    before = point(document, "fast", 0)
    assert before["eer"] == point(document, "full", 0)["eer"] > 0.3
    for path in ("fast", "full"):
        after = point(document, path, 20)
        assert after["eer"] <= before["eer"] / 2
        assert after["others"]["noise"] <= before["others"]["noise"] + 0.07  # one trial of 16
    assert (here / "out" / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_finished_curve_is_read_and_not_measured_again(releases: Path, here: Path) -> None:
    first = curve(releases, "--labels", "5")
    detector = here / "out" / "bases" / "release-1-seed-1" / "detector" / "manifest.json"
    written = detector.stat().st_mtime_ns
    second = curve(releases, "--labels", "5")
    assert "EER by labels" in first.stderr + first.stdout
    assert "EER by labels" not in second.stderr + second.stdout
    assert detector.stat().st_mtime_ns == written


def test_a_base_of_other_params_is_trained_anew(releases: Path, here: Path) -> None:
    curve(releases, "--labels", "5")
    detector = here / "out" / "bases" / "release-1-seed-1" / "detector" / "manifest.json"
    (here / "params.yaml").write_text(PARAMS.replace("spectrum", "spectrum, options: {hop: 320}"))
    curve(releases, "--labels", "5")
    assert json.loads(detector.read_text())["options"]["hop"] == 320


@pytest.mark.usefixtures("here")
def test_what_has_no_curve_is_refused_with_its_reason(releases: Path, tone_corpus: Path) -> None:
    with pytest.raises(
        InputError, match=r"a whole number in the column release expected, found ''"
    ):
        curve(tone_corpus)
    with pytest.raises(InputError, match=r"--labels: whole numbers from 1 on expected, found 'x'"):
        curve(releases, "--labels", "5,x")
    with pytest.raises(InputError, match=r"--paths: fast or full, or both, expected, found 'slow'"):
        curve(releases, "--paths", "slow")
    Path("params.yaml").write_text(PARAMS.replace("hop: 8000", "hop: 8000, aggregate: min"))
    with pytest.raises(InputError, match=r"window\.aggregate: mean expected"):
        curve(releases)
