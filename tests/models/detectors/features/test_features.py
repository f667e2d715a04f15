"""What every feature promises, whichever it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch
from torch import Tensor

from models.detectors.detector import Detector
from models.detectors.features import FEATURES, build_feature
from models.errors import InputError
from models.packaging.export import write_graph
from tests.tolerances import assert_equal_but_for_rounding, in_float64

HOP = 160


def speechlike(batch: int, samples: int = 8_000) -> Tensor:
    """Harmonics of a gliding pitch in noise, another pitch in each clip: (batch, samples)."""
    time = torch.arange(samples, dtype=torch.float64) / 16_000
    pitches = torch.linspace(100, 220, batch, dtype=torch.float64)[:, None]
    phase = 2 * torch.pi * pitches * (time + 0.02 * torch.sin(6 * time))
    voice = sum(torch.sin(k * phase) / k for k in range(1, 20))
    noise = torch.randn(batch, samples, generator=torch.Generator().manual_seed(1))
    return (0.05 * torch.as_tensor(voice) + 0.01 * noise).float()


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.parametrize("samples", [8_000, 8_001, 16_000, 24_159, 100_003])
def test_there_is_a_frame_around_every_hop_th_sample(name: str, samples: int) -> None:
    feature = build_feature(name)
    rows = feature(speechlike(2, samples))
    assert rows.shape == (2, feature.bins, 1 + samples // HOP)
    assert rows.dtype == torch.float32
    assert torch.isfinite(rows).all()


@pytest.mark.parametrize("name", FEATURES)
def test_a_clip_has_the_same_rows_alone_and_in_a_batch(name: str) -> None:
    """Whatever the others are, bit for bit; alone, as torch sums in another order."""
    feature = build_feature(name)
    clips = speechlike(4, 16_000)
    together = feature(clips)
    clips[0] *= 100.0
    clips[3] = 0.0
    assert torch.equal(feature(clips)[1:3], together[1:3])
    alone, exact = feature(clips[1:2]), in_float64(feature)(clips.double())
    assert_equal_but_for_rounding(alone, together[1:2], exact[1:2])


@pytest.mark.parametrize("name", FEATURES)
def test_silence_is_finite_and_so_is_its_gradient(name: str) -> None:
    waveforms = torch.zeros(1, 8_000, requires_grad=True)
    rows = build_feature(name)(waveforms)
    rows.sum().backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(rows).all()
    assert waveforms.grad is not None
    assert torch.isfinite(waveforms.grad).all()


@pytest.mark.parametrize("name", FEATURES)
def test_the_gradient_is_that_of_the_waveform(name: str) -> None:
    """A small step along the gradient changes the rows as the gradient says."""
    feature = build_feature(name).double()
    waveforms = speechlike(1).double().requires_grad_()
    weights = torch.randn(feature(waveforms).shape, dtype=torch.float64)

    def loss(waveforms: Tensor) -> Tensor:
        return (feature(waveforms) * weights).sum()

    (gradient,) = torch.autograd.grad(loss(waveforms), waveforms)
    assert (gradient != 0).double().mean() > 0.9
    step = 1e-9 * gradient / gradient.norm()
    with torch.no_grad():
        change = (loss(waveforms + step) - loss(waveforms - step)) / 2e-9
    assert change == pytest.approx(float(gradient.norm()), rel=1e-2)


@pytest.mark.parametrize("name", FEATURES)
def test_nothing_of_a_feature_is_learnt_or_stored(name: str) -> None:
    feature = build_feature(name)
    assert feature.state_dict() == {}
    assert list(feature.parameters()) == []


def test_rows_keep_their_precision_where_detectors_compute_in_bf16() -> None:
    feature, clips = build_feature("mfcc"), speechlike(1)
    with torch.autocast("cpu", torch.bfloat16):
        rows = feature(clips)
    assert torch.equal(rows, feature(clips))


class Everything(Detector):
    """Answers with the rows of all features, one below the other."""

    def __init__(self) -> None:
        super().__init__()
        self.features = torch.nn.ModuleDict({name: build_feature(name) for name in FEATURES})

    @property
    def embedding_dim(self) -> int:
        raise NotImplementedError

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        rows = torch.cat([feature(waveforms) for feature in self.features.values()], dim=1)
        return rows, rows.mean(dim=2)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One graph of all features: writing eight would take eight times as long."""
    path = tmp_path_factory.mktemp("features") / "graph.onnx"
    write_graph(Everything().eval(), path)
    return path


def infer_onnxruntime(graph: Path, waveforms: Tensor) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, ["CPUExecutionProvider"])
    return session.run(["embedding"], {"waveforms": waveforms.numpy()})[0]


def infer_openvino(graph: Path, waveforms: Tensor) -> Any:
    import openvino

    core = openvino.Core()
    model = core.read_model(graph)
    model.reshape({"waveforms": list(waveforms.shape)})
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    return core.compile_model(model, "CPU", settings)({"waveforms": waveforms.numpy()})["embedding"]


@pytest.mark.parametrize(("batch", "samples"), [(1, 8_000), (3, 24_001)])
@pytest.mark.parametrize("infer", [infer_onnxruntime, infer_openvino])
def test_the_graph_of_every_feature_agrees_with_torch_at_any_batch_and_length(
    graph: Path, infer: Callable[[Path, Tensor], Any], batch: int, samples: int
) -> None:
    waveforms = speechlike(batch, samples)
    waveforms[:, 4_000:7_000] = 0.0  # where floors are all there is
    outputs = infer(graph, waveforms)
    first = 0
    for name in FEATURES:
        feature = build_feature(name)
        rows = outputs[:, first : first + feature.bins]
        exact = in_float64(feature)(waveforms.double())
        assert_equal_but_for_rounding(rows, feature(waveforms), exact, name)
        first += feature.bins
    assert first == outputs.shape[1]


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("lfc", {}, "no feature named 'lfc'; known: spectrogram, mel, mfcc, lfcc, cqt"),
        ("lfcc", {"filter": 3}, "lfcc: no option named 'filter'; known: coefficients, filters"),
        ("lfcc", {"coefficients": 21}, "option coefficients: a whole number 1 to 20 expected"),
        ("lfcc", {"frame": 321}, "option frame: an even number expected, found 321"),
        ("lfcc", {"fft": 256}, "option fft: a whole number 320 to 16000 expected, found 256"),
        ("lfcc", {"window": "kaiser"}, "option window: one of hann, hamming expected, found 'kai"),
        ("lfcc", {"filters": 600}, "option filters: a whole number 1 to 512"),
        ("lfcc", {"filters": 400, "fft": 320}, "option filters: fewer than 400, or a longer fft"),
        ("mel", {"floor": 1e-8}, "option floor: a number 1e-07 to 1 expected, found 1e-08"),
        ("mel", {"bands": 200}, "option bands: fewer than 200, or a longer fft, expected: "),
        ("mel", {"lowest_hz": 4000, "highest_hz": 300}, r"less than highest_hz \(300\) expected"),
        ("mfcc", {"deltas": 1}, "option deltas: true or false expected, found 1"),
        ("mfcc", {"delta_frames": 4}, "option delta_frames: an odd number expected, found 4"),
        ("cqt", {"octaves": 8}, "option octaves: bins up to 8000 Hz expected, found one at 15102"),
        ("wavelet-packets", {"hop": 100}, r"option hop: a multiple of 2\^level \(32\) expected"),
        ("prosody", {"frame": 320}, r"option frame: two periods of 75 Hz expected \(428 samples"),
        ("prosody", {"smoothing": 2}, "option smoothing: an odd number expected, found 2"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(
    name: str, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        build_feature(name, options)
