"""A vocoder of one's own: what it is fed, and what is refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torchaudio
from numpy.typing import NDArray

from models.audio.reading import read_audio
from models.data.copy_synthesis import open_vocoders
from models.data.copy_synthesis.copies import write_copies
from models.data.copy_synthesis.mel import filters_for, log_mel
from models.errors import InputError
from models.params.neural_vocoder import NeuralVocoderParams
from models.params.tree import params_from_mapping
from models.trials import Trial
from tests.tolerances import assert_equal_but_for_rounding, rounding

Make = Callable[..., NeuralVocoderParams]


@pytest.fixture
def tone() -> NDArray[np.float32]:
    """A second of 1 kHz at 22.05 kHz, in a little noise: logarithms of nothing are rounding."""
    noise = 0.01 * np.random.default_rng(1).standard_normal(22_050)
    return (0.5 * np.sin(2 * np.pi * 1_000 * np.arange(22_050) / 22_050) + noise).astype(np.float32)


@pytest.mark.parametrize(
    ("scale", "lowest", "highest"),
    [("slaney", 0.0, 8_000.0), ("slaney", 80.0, 7_600.0), ("htk", 0.0, 11_025.0)],
)
def test_filters_are_those_that_vocoders_are_trained_with(
    scale: str, lowest: float, highest: float
) -> None:
    params = replace(NeuralVocoderParams(), lowest_hz=lowest, highest_hz=highest, mel_scale=scale)
    expected = torchaudio.functional.melscale_fbanks(
        513, lowest, highest, 80, 22_050, norm="slaney" if scale == "slaney" else None,
        mel_scale=scale,
    )  # fmt: skip
    # slopes over a fortieth of the frequencies between which they lie, which are rounded
    rounded = rounding(4, 40 * float(expected.max()))
    np.testing.assert_allclose(filters_for(params), expected.T.numpy(), rtol=0, atol=rounded)


@pytest.mark.parametrize("log", ["natural", "decimal"])
def test_a_spectrogram_is_that_of_torch_framed_like_hifi_gan(
    tone: NDArray[np.float32], log: str
) -> None:
    params = replace(NeuralVocoderParams(), log=log)

    def by_torch(dtype: torch.dtype) -> torch.Tensor:
        waveform = torch.from_numpy(tone)[None].to(dtype)
        padded = torch.nn.functional.pad(waveform, (384, 384), mode="reflect")[0]
        window = torch.hann_window(1_024, dtype=dtype)
        spectra = torch.stft(padded, 1_024, 256, window=window, center=False, return_complex=True)
        mel = torch.from_numpy(filters_for(params)).to(dtype) @ spectra.abs()
        return mel.clamp_min(1e-5).log() if log == "natural" else mel.clamp_min(1e-5).log10()

    spectrogram = log_mel(tone, params)
    assert spectrogram.shape == (80, 22_050 // 256)
    assert_equal_but_for_rounding(spectrogram, by_torch(torch.float32), by_torch(torch.float64))


def test_copies_of_a_neural_vocoder_are_spoofs_of_their_own_kind(
    tone: NDArray[np.float32], small_vocoder: NeuralVocoderParams, tmp_path: Path
) -> None:
    def read(_: Path) -> NDArray[np.float32]:
        return tone[:9_999]

    trials = [Trial(f"b{i}", tmp_path / "b", None) for i in range(4)]
    shares = {"griffin_lim": 0.0, "neural": 0.5}
    copies = write_copies(trials, shares, read, tmp_path, 1, neural=small_vocoder)
    assert [copy.attack_id for copy in copies] == ["neural_copy"] * 2
    assert [read_audio(copy.path).size for copy in copies] == [9_999] * 2


def test_without_a_file_it_is_refused_only_where_it_has_a_share(tmp_path: Path) -> None:
    assert write_copies([], {"neural": 0.0}, read_audio, tmp_path, 1) == ()
    with pytest.raises(InputError, match=r"a vocoder expected in neural_vocoder\.file, none is"):
        write_copies([], {"neural": 0.1}, read_audio, tmp_path, 1)


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("vocoder.onnx", "an absolute path expected, found vocoder.onnx"),
        ("/nowhere/vocoder.onnx", "an ONNX file expected, found none at /nowhere/vocoder.onnx"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(file: str, sentence: str) -> None:
    with pytest.raises(InputError, match=f"neural_vocoder.file: {sentence}"):
        open_vocoders({"neural": 0.1}, NeuralVocoderParams(file=file))


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v.onnx").write_bytes(b"not a graph")
    with pytest.raises(InputError, match=r"v\.onnx: not a graph that ONNX Runtime can run"):
        open_vocoders({"neural": 0.1}, NeuralVocoderParams(file=str(tmp_path / "v.onnx")))


def test_a_graph_for_other_mels_is_refused_before_anything_is_read(make_vocoder: Make) -> None:
    sentence = r"one float32 input \(1, 80, frames\) expected, found tensor\(float\) \[1, 64, 'fra"
    with pytest.raises(InputError, match=sentence):
        open_vocoders({"neural": 0.1}, make_vocoder(mels=64))


def test_a_graph_with_another_hop_is_refused(tone: NDArray[np.float32], make_vocoder: Make) -> None:
    vocoder = open_vocoders({"neural": 0.1}, make_vocoder(stride=128))["neural"]
    with pytest.raises(InputError, match=r"about 22528 samples expected of 88 frames with a hop"):
        vocoder(tone[:16_000], np.random.default_rng(0))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"hop": 2_048}, r"neural_vocoder\.hop: at most the fft of 1024 expected, found 2048"),
        ({"highest_hz": 12_000.0}, r"highest_hz <= 11025 \(half the sample_rate\) expected"),
        ({"mels": 0}, r"neural_vocoder\.mels: 1 to 1024 expected, found 0"),
        ({"log": "db"}, "one of natural, decimal expected, found 'db'"),
    ],
)
def test_settings_that_make_no_spectrogram_are_refused_by_name(
    wrong: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        params_from_mapping({"neural_vocoder": wrong})
