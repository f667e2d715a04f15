from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.audio.reading import read_audio
from models.augmentations import build_augmentations, codec
from models.augmentations.codec import CODECS, open_codecs
from models.augmentations.processing.coding import FFmpegCodec, through
from models.errors import InputError
from models.params.augmentation import AugmentationAudioParams

Waveform = NDArray[np.float32]
KEY = "augmentation_audio.codecs"
# share of the power of speech that comes back: low where a codec models a voice, not its waveform
FAITHFUL = {"g711_mulaw": 0.95, "g711_alaw": 0.95, "g722": 0.95, "mp3": 0.95, "aac": 0.9}


@pytest.fixture(scope="module")
def speech(shared: Path) -> Waveform:
    """Three seconds of a person."""
    with (shared / "corpus/protocol.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["label"] == "bonafide"]
    longest = max(rows, key=lambda row: float(row["duration_s"]))
    return read_audio(shared / "corpus" / longest["path"])[16_000:64_000]


@pytest.mark.parametrize("name", CODECS)
def test_speech_comes_back_changed_in_its_place(name: str, speech: Waveform) -> None:
    for seed in range(3):
        decoded = through(CODECS[name], speech, np.random.default_rng(seed))
        assert decoded.shape == speech.shape
        assert np.abs(decoded - speech).max() > 1e-3
        middle = speech[400:-400]
        likeness = np.correlate(decoded, middle, "valid")
        assert np.argmax(likeness) == pytest.approx(400, abs=2)  # 0.1 ms
        correlation = np.corrcoef(decoded, speech)[0, 1]
        assert correlation > FAITHFUL.get(name, 0.55)


@pytest.mark.parametrize("name", [name for name in CODECS if CODECS[name].rate == 8_000])
def test_telephony_lets_nothing_through_above_4_khz(name: str, hiss: Waveform) -> None:
    decoded = through(CODECS[name], hiss, np.random.default_rng(0))
    powers = [np.abs(np.fft.rfft(signal))[2 * 4_200 :] ** 2 for signal in (hiss, decoded)]
    assert 10 * np.log10(powers[1].sum() / powers[0].sum()) < -30


def log_spectra(waveform: Waveform) -> NDArray[np.float64]:
    """Of frames of 25 ms, up to 4 kHz."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform, 400)[::160] * np.hanning(400)
    return np.asarray(np.log(np.abs(np.fft.rfft(frames)[:, :100]) ** 2 + 1e-6))


@pytest.mark.parametrize("name", ["amr_nb", "opus", "mp3", "aac"])
def test_bit_rates_differ(name: str, voice: Waveform) -> None:
    one = CODECS[name]
    assert isinstance(one, FFmpegCodec)
    decoded = [
        through(replace(one, bit_rates=(rate,)), voice, np.random.default_rng(0))
        for rate in (one.bit_rates[0], one.bit_rates[-1])
    ]
    worse, better = (np.abs(log_spectra(coded) - log_spectra(voice)).mean() for coded in decoded)
    assert worse > 1.2 * better  # where voices are modelled, waveforms differ at any rate


def test_weights_choose_the_codec(voice: Waveform) -> None:
    audio = AugmentationAudioParams(codecs={"gsm": 1.0, "opus": 0.0})
    chosen = build_augmentations(["codec"], audio)["codec"]
    alone = through(CODECS["gsm"], voice, np.random.default_rng(0))
    assert all(
        np.array_equal(chosen(voice, np.random.default_rng(seed)), alone) for seed in range(4)
    )


@pytest.mark.parametrize(
    ("weights", "complaint"),
    [
        ({"amr_wb": 1.0}, "no codec named 'amr_wb'; known: g711_mulaw"),
        ({"opus": -1.0}, "augmentation_audio.codecs.opus: a weight of 0 or more expected"),
        ({"opus": 0.0}, "one weight above 0 at least expected"),
    ],
)
def test_wrong_weights_are_refused_by_name(weights: dict[str, float], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        open_codecs(weights, KEY)


def test_a_codec_that_this_ffmpeg_cannot_encode_is_refused_before_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rare = FFmpegCodec("libvo_amrwbenc", "amrwb", 16_000, "s16", (12_650,))
    monkeypatch.setattr(codec, "CODECS", {**CODECS, "amr_wb": rare})
    with pytest.raises(InputError, match=r"amr_wb cannot be drawn, .* no encoder libvo_amrwbenc"):
        open_codecs({"amr_wb": 1.0}, KEY)
    assert open_codecs({"opus": 1.0}, KEY).weights == {"opus": 1.0}
