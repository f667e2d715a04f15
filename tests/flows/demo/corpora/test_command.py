"""`antiphon corpus fetch` as a person types it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from flows.commands.corpus import app
from models.data.protocols.reading import read_protocol
from models.errors import InputError


def noise(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    swelling = np.clip(np.sin(np.arange(24_000) / 800), 0.01, None)
    samples = 0.1 * swelling * np.random.default_rng(seed).standard_normal(24_000)
    soundfile.write(path, samples, 16_000)


def test_a_persons_folders_are_built_and_counted_in_sentences(tmp_path: Path) -> None:
    for speaker in range(4):
        noise(tmp_path / f"bonafide/{speaker}.wav", speaker)
        for attack_id in ("griffin", "vits"):
            noise(tmp_path / f"spoof/{attack_id}/{attack_id}{speaker}.wav", 9)
    words = ["fetch", "demo", "--out", f"{tmp_path}/out", "--unheard", "griffin"]
    folders = ["--bonafide", f"{tmp_path}/bonafide", "--spoof", f"{tmp_path}/spoof"]
    done = CliRunner().invoke(app, [*words, *folders], catch_exceptions=False)
    assert done.exit_code == 0
    assert f"{tmp_path}/out/base: 3 bonafide, 3 vits" in done.stderr
    assert f"{tmp_path}/out/traffic: 1 bonafide, 1 vits, 4 griffin" in done.stderr
    assert len(read_protocol("antiphon", tmp_path / "out" / "base").trials) == 6


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--bonafide", "x"], "--bonafide and --spoof belong together"),
        (["--unheard", "vits"], "--unheard names an attack below --spoof"),
    ],
)
def test_half_of_a_request_is_refused(options: list[str], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=complaint):
        CliRunner().invoke(
            app, ["fetch", "demo", "--out", f"{tmp_path}/out", *options], catch_exceptions=False
        )


def test_starter_takes_no_folders_of_ones_own(tmp_path: Path) -> None:
    words = ["fetch", "starter", "--out", f"{tmp_path}/out", "--bonafide", "x", "--spoof", "y"]
    with pytest.raises(InputError, match="starter takes neither"):
        CliRunner().invoke(app, words, catch_exceptions=False)
