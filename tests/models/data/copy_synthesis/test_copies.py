from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from models.audio.reading import read_audio
from models.data.copy_synthesis import VOCODERS, open_vocoders
from models.data.copy_synthesis.copies import write_copies
from models.errors import InputError
from models.params.neural_vocoder import NeuralVocoderParams
from models.params.tree import params_from_mapping
from models.trials import Trial

Waveform = NDArray[np.float32]


@pytest.fixture(scope="module")
def speech(shared: Path) -> Waveform:
    """A second and a half of a person."""
    with (shared / "corpus/protocol.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["label"] == "bonafide"]
    longest = max(rows, key=lambda row: float(row["duration_s"]))
    return read_audio(shared / "corpus" / longest["path"])[16_000:40_000]


@pytest.fixture
def trials(tmp_path: Path, speech: Waveform) -> list[Trial]:
    """Four bona fide and two spoofed trials."""
    soundfile.write(tmp_path / "said.wav", speech, 16_000, subtype="FLOAT")
    recording = tmp_path / "said.wav"
    bonafide = [
        Trial(f"b{i}", recording, None, speaker_id=f"s{i}", language="it") for i in range(4)
    ]
    return [*bonafide, Trial("x", recording, "A1"), Trial("y", recording, "A2")]


def band_levels(waveform: Waveform) -> NDArray[np.float64]:
    """Log power in 24 bands and frames of 32 ms."""
    frames = waveform[: waveform.size // 512 * 512].reshape(-1, 512) * np.hanning(512)
    powers = np.abs(np.fft.rfft(frames, axis=1))[:, 1:241] ** 2
    return np.log(powers.reshape(len(frames), 24, 10).sum(axis=2) + 1e-6)


@pytest.mark.parametrize("name", VOCODERS)
def test_a_copy_says_the_same_with_other_samples(
    name: str, speech: Waveform, small_vocoder: NeuralVocoderParams
) -> None:
    vocoder = open_vocoders({name: 1.0}, small_vocoder)[name]
    copied = vocoder(speech, np.random.default_rng(0))
    levels = [band_levels(waveform).ravel() for waveform in (speech, copied)]
    assert np.corrcoef(*levels)[0, 1] > 0.9
    assert np.abs(np.corrcoef(speech, copied)[0, 1]) < 0.9
    assert np.array_equal(copied, vocoder(speech, np.random.default_rng(0)))


def test_copies_are_spoofs_of_the_same_speaker_length_and_level(
    trials: list[Trial], speech: Waveform, tmp_path: Path
) -> None:
    copies = write_copies(trials, {"griffin_lim": 0.5, "world": 0.25}, read_audio, tmp_path, 1)
    assert [copy.attack_id for copy in copies] == ["griffin_lim_copy"] * 2 + ["world_copy"]
    for copy in copies:
        parent = next(trial for trial in trials if trial.utterance_id == copy.parent)
        assert parent.attack_id is None
        assert (copy.speaker_id, copy.language) == (parent.speaker_id, "it")
        waveform = read_audio(copy.path)
        assert waveform.size == speech.size
        assert np.square(waveform).mean() == pytest.approx(np.square(speech).mean(), rel=0.05)
    assert len({copy.utterance_id for copy in copies} | {t.utterance_id for t in trials}) == 9


def test_the_same_seed_copies_the_same_whatever_the_order(
    trials: list[Trial], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one = write_copies(trials, {"griffin_lim": 0.5}, read_audio, tmp_path / "one", 1)
    two = write_copies(trials[::-1], {"griffin_lim": 0.5}, read_audio, tmp_path / "two", 1)
    assert [copy.utterance_id for copy in one] == [copy.utterance_id for copy in two]
    assert all(a.path.read_bytes() == b.path.read_bytes() for a, b in zip(one, two, strict=True))


def test_nothing_is_copied_unless_asked(trials: list[Trial], tmp_path: Path) -> None:
    assert write_copies(trials, {}, read_audio, tmp_path, 1) == ()


def test_an_unknown_vocoder_and_a_share_above_one_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no vocoder named 'hifigan'; known: griffin_lim, world,"):
        write_copies([], {"hifigan": 0.0}, read_audio, tmp_path, 1)
    with pytest.raises(InputError, match=r"copy_synthesis\.world: 0 to 1 expected, found 1\.5"):
        params_from_mapping({"copy_synthesis": {"world": 1.5}})
