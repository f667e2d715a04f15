"""ResNet18: what it hears through, its pooling, and which options it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from models.detectors import Detector, build_detector
from models.detectors.layers.attentive_pooling import AttentivePooling
from models.detectors.resnet import rows_left
from models.errors import InputError
from models.packaging.export import write_graph
from tests.tolerances import assert_equal_but_for_rounding, in_float64, rounding


def narrow(**options: Any) -> Detector:
    small = {"stem": 4, "widths": [4, 4, 8, 8], "embedding": 8}
    return build_detector("resnet", {**small, **options})


@pytest.mark.parametrize(("feature", "rows"), [("lfcc", 60), ("spectrogram", 257), ("cqt", 84)])
def test_it_hears_through_any_of_three_features(feature: str, rows: int) -> None:
    detector = narrow(feature=feature).train()
    inputs: list[Tensor] = []
    detector.get_submodule("conv1").register_forward_pre_hook(
        lambda _, maps: inputs.append(maps[0])
    )
    embedding, logits = detector.forward_both(0.1 * torch.randn(2, 8_000))
    assert inputs[0].shape == (2, 1, rows, 51)
    assert (embedding.shape, logits.shape) == ((2, 8), (2, 2))


def test_three_rows_are_left_of_sixty_as_published() -> None:
    assert rows_left(60) == 3
    conv5 = build_detector("resnet").get_submodule("conv5")
    assert isinstance(conv5, nn.Conv2d)
    assert conv5.weight.shape == (256, 512, 3, 3)


def test_eighteen_layers_have_weights() -> None:
    """As names go: 16 convolutions in blocks, the one before them, and the one that reads."""
    layers = [module for module in narrow().modules() if isinstance(module, nn.Conv2d)]
    shortcuts = [layer for layer in layers if layer.kernel_size == (1, 1)]
    assert len(layers) - len(shortcuts) == 18


def test_pooling_without_a_preference_is_the_mean_and_the_deviation() -> None:
    pooling = AttentivePooling(5)
    nn.init.zeros_(pooling.vector)
    sequences = torch.randn(3, 5, 40)
    mean, deviation = pooling(sequences).chunk(2, dim=1)
    torch.testing.assert_close(mean, sequences.mean(dim=2))
    torch.testing.assert_close(deviation, sequences.std(dim=2, correction=0))


def test_pooling_prefers_moments_along_its_vector() -> None:
    pooling = AttentivePooling(1)
    nn.init.constant_(pooling.vector, 10.0)
    mean, _ = pooling(torch.tensor([[[-1.0, 1.0]]])).chunk(2, dim=1)
    share = torch.sigmoid(torch.tensor(2.0))  # e² to 1: tanh is ±1
    assert mean.item() == pytest.approx((2 * share - 1).item(), abs=rounding(4))


def test_pooling_says_the_same_of_a_sequence_and_of_its_repetition() -> None:
    pooling, sequence = AttentivePooling(5), torch.randn(1, 5, 30)
    torch.testing.assert_close(pooling(sequence.repeat(1, 1, 4)), pooling(sequence))


class Pooled(Detector):
    """A waveform and a silent channel beside it, pooled."""

    def __init__(self) -> None:
        super().__init__()
        self.pooling = AttentivePooling(2)

    @property
    def embedding_dim(self) -> int:
        return 4

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        pooled = self.pooling(torch.stack([waveforms, 0 * waveforms], dim=1))
        return pooled, pooled[:, 2:]


def test_a_channel_that_says_nothing_is_pooled_alike_in_the_graph(tmp_path: Path) -> None:
    """The exporter leaves out what it takes for zeros; so a deviation of nothing would differ."""
    detector, clips = Pooled().eval(), 0.1 * torch.randn(2, 8_000)
    write_graph(detector, tmp_path / "graph.onnx")
    session = onnxruntime.InferenceSession(
        tmp_path / "graph.onnx", providers=["CPUExecutionProvider"]
    )
    (logits,) = session.run(["logits"], {"waveforms": clips.numpy()})
    assert_equal_but_for_rounding(logits, detector(clips), in_float64(detector)(clips.double()))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"feature": "chroma"}, "option feature: one of lfcc, spectrogram, cqt expected, found 'c"),
        ({"widths": [8, 8]}, "option widths: a list of 4 expected"),
        ({"stem": 0}, "option stem: a whole number 1 to 4096 expected, found 0"),
        ({"embedding": 1.5}, "option embedding: a whole number"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        build_detector("resnet", options)
