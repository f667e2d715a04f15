"""What the tests of flows share: a Prefect server, and a corpus that is learnt in seconds."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

RATE = 16_000
SPEAKERS = {"train": range(0, 10), "dev": range(10, 18), "eval": range(20, 35)}
UTTERANCES = {"train": 3, "dev": 2, "eval": 2}  # of each class by each speaker


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A real Prefect server of the test session, in a process of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
        patch.setenv("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")
        patch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        patch.setenv("PREFECT_LOGGING_LEVEL", "CRITICAL")
        from prefect.testing.utilities import prefect_test_harness

        with prefect_test_harness(server_startup_timeout=180):
            yield


@pytest.fixture(scope="session")
def tone_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Voices that hum with vibrato, and noises as spoofs: in the form of `antiphon`, 0.6 to 1 s."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(2026)
    rows = [
        _utterance(folder, rng, partition, speaker, label, number)
        for partition, speakers in SPEAKERS.items()
        for speaker in speakers
        for label in ("bonafide", "spoof")
        for number in range(UTTERANCES[partition])
    ]
    with (folder / "protocol.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def _utterance(
    folder: Path, rng: np.random.Generator, partition: str, speaker: int, label: str, number: int
) -> dict[str, str]:
    name = f"{label}-{speaker}-{number}"
    waveform = _hum(rng, speaker) if label == "bonafide" else _noise(rng, speaker)
    soundfile.write(folder / f"{name}.flac", _levelled(waveform, rng), RATE)
    return {
        "utterance_id": name,
        "path": f"{name}.flac",
        "partition": partition,
        "label": label,
        "attack_id": "noise" if label == "spoof" else "",
        "speaker_id": f"{label}-{speaker}",
    }


def _hum(rng: np.random.Generator, speaker: int) -> NDArray[np.float64]:
    time = _time(rng)
    pitch = (100 + 8 * speaker) * (1 + 0.03 * np.sin(2 * np.pi * 5 * time + rng.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    harmonics = [np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 12)]
    return np.sum(harmonics, axis=0) * _syllables(time, rng)


def _noise(rng: np.random.Generator, speaker: int) -> NDArray[np.float64]:
    time = _time(rng)
    smooth = np.ones(2 + speaker % 3)
    return np.convolve(rng.standard_normal(time.size), smooth, mode="same") * _syllables(time, rng)


def _time(rng: np.random.Generator) -> NDArray[np.float64]:
    return np.arange(rng.integers(9_600, RATE)) / RATE


def _syllables(time: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    return 0.55 + 0.45 * np.sin(2 * np.pi * 3 * time + rng.uniform(0, 6))


def _levelled(waveform: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """The same level for both classes, and a little hiss in both."""
    even = 0.05 * waveform / np.sqrt(np.mean(waveform**2))
    return np.clip(even + 1e-3 * rng.standard_normal(waveform.size), -1, 1)


@pytest.fixture
def here(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder a command runs in, with the PARAMS of the test's module as params.yaml."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANTIPHON_DEVICE", "cpu")
    (tmp_path / "params.yaml").write_text(request.module.PARAMS)
    return tmp_path
