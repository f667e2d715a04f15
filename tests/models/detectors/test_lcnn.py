"""LFCC-LCNN: what its parts do, and which options it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.detectors import Detector, build_detector
from models.detectors.layers.lstm import Lstm
from models.detectors.layers.max_feature_map import MaxFeatureMap
from models.detectors.lcnn import Lcnn
from models.errors import InputError
from models.packaging.export import write_graph
from models.packaging.runtime import RUNTIMES
from tests.tolerances import assert_equal_but_for_rounding, in_float64


def test_of_two_halves_of_the_channels_the_larger_value_goes_on() -> None:
    maps = torch.tensor([[[1.0, -2.0]], [[3.0, 0.0]], [[0.5, -1.0]], [[4.0, -5.0]]])[None, :, :, 0]
    assert MaxFeatureMap()(maps).flatten().tolist() == [1.0, 4.0]


def test_the_weights_are_those_of_the_baseline_but_for_a_second_logit() -> None:
    detector = build_detector("lcnn")
    kinds = [type(module) for module in detector.modules()]
    assert kinds.count(nn.Conv2d) == 9
    assert kinds.count(nn.MaxPool2d) == 4
    assert kinds.count(nn.LSTM) == 2
    norms = [module for module in detector.modules() if isinstance(module, nn.BatchNorm2d)]
    assert [norm.num_features for norm in norms] == [32, 48, 48, 64, 32, 32]
    assert not any(norm.affine for norm in norms)


def test_the_filters_hear_the_lower_half_of_the_band() -> None:
    detector = Lcnn()
    reach = detector.lfcc.filters.amax(dim=0).nonzero().max() * 16_000 / 1024  # Hz
    assert 3_900 < reach < 4_000
    assert detector.lfcc.bins == 60


def test_training_drops_out_at_random() -> None:
    detector = build_detector("lcnn", {"widths": [4, 4, 4, 4]}).train()
    clips = 0.1 * torch.randn(2, 8_000)
    torch.manual_seed(3)
    first = detector(clips)
    assert not torch.equal(detector(clips), first)


class Recurrent(Detector):
    """The recurrent layer of the default options alone: 96 features, of 10 ms each."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = Lstm(96, 48, bidirectional=True)

    @property
    def embedding_dim(self) -> int:
        return 96

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        steps = functional.avg_pool1d(waveforms[:, None], 160, 160).transpose(1, 2)
        out = self.layer(steps.expand(-1, -1, 96)).mean(dim=1)
        return out, out[:, :2]


def test_every_runtime_opens_a_recurrent_layer_of_full_size(tmp_path: Path) -> None:
    """torch's exporter leaves the order of large weights to the runtime, which OpenVINO refuses."""
    detector, clips = Recurrent().eval(), torch.randn(1, 24_000)
    write_graph(detector, tmp_path / "graph.onnx")
    expected, exact = detector.embed(clips), in_float64(detector).embed(clips.double())
    for name, opened in RUNTIMES.items():
        _, embedding = opened(tmp_path / "graph.onnx", 24_000, 1)(clips.numpy())
        assert_equal_but_for_rounding(embedding, expected, exact, name)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"widths": [8, 8, 8]}, "option widths: a list of 4 expected"),
        (
            {"widths": [8, 8, 8, 7]},
            "option widths, the last of them,: an even number expected, fou",
        ),
        ({"coefficients": 4}, "option coefficients: a whole number 6 to 512 expected, found 4"),
        ({"highest_hz": 9_000}, "option highest_hz: a number 1 to 8000 expected, found 9000"),
        ({"dropout": 2}, "option dropout: a number 0 to 1 expected, found 2"),
        ({"recurrent_layers": 0}, "option recurrent_layers: a whole number 1 to 8 expected"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        build_detector("lcnn", options)
