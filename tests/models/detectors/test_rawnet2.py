"""RawNet2 beyond what every detector promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from models.detectors import build_detector, cm_score
from models.detectors.layers.sinc import SCALES, band_edges, sinc_bank
from models.detectors.rawnet2 import Block
from models.errors import InputError

NARROW = {
    "widths": [8, 16], "sinc_filters": 12, "sinc_length": 65, "gru_units": 16, "gru_layers": 2,
    "embedding": 12,
}  # fmt: skip


def test_the_sizes_of_the_paper_are_a_matter_of_options() -> None:
    options = {"sinc_filters": 128, "sinc_length": 129, "widths": [128, 512]}
    detector = build_detector("rawnet2", options)
    assert sum(weight.numel() for weight in detector.parameters()) == 25_433_602  # 25.43 M there


def test_a_gain_multiplies_and_is_added() -> None:
    detector = build_detector("rawnet2", NARROW).eval()
    maps = 0.1 * torch.randn(2, 8, 30)
    with torch.inference_mode():
        inner = detector.get_submodule("block1")(maps)  # (batch, channels, time)
        gains = torch.sigmoid(detector.get_submodule("fc_attention1")(inner.mean(dim=2)))
        expected = inner * gains[..., None] + gains[..., None]
        torch.testing.assert_close(detector._block(maps, 1), expected)


def test_the_baseline_leaves_out_what_the_paper_puts_first() -> None:
    def idle(preactivation: bool) -> set[str]:
        torch.manual_seed(1)
        detector = build_detector("rawnet2", {**NARROW, "preactivation": preactivation}).train()
        cm_score(detector(0.1 * torch.randn(4, 8_000))).sum().backward()
        return {name for name, weight in detector.named_parameters() if weight.grad is None}

    assert idle(preactivation=True) == set()
    assert idle(preactivation=False) == {
        f"block{place}.0.bn1.{kind}" for place in range(1, 6) for kind in ("weight", "bias")
    }


def test_activation_comes_before_the_first_convolution_and_not_beside_it() -> None:
    torch.manual_seed(1)
    block = Block(4, 4, first=False, preactivation=True).eval()
    torch.nn.init.zeros_(block.conv2.weight)
    torch.nn.init.zeros_(block.conv2.bias)
    maps = torch.randn(1, 4, 9)
    torch.testing.assert_close(block(maps), torch.nn.functional.max_pool1d(maps, 3))


@pytest.mark.parametrize("scale", SCALES)
def test_filters_of_each_scale_cover_the_band_without_a_gap(scale: str) -> None:
    bank = torch.from_numpy(sinc_bank(20, 1_025, scale))
    response = torch.fft.rfft(bank, n=8_192).abs()
    peaks = response.argmax(dim=1) * 16_000 / 8_192  # Hz
    edges = band_edges(20, scale)
    assert ((peaks.numpy() >= edges[:-1]) & (peaks.numpy() <= edges[1:])).all()
    assert response.sum(dim=0)[20:-20].min() > 0.7


def test_scales_are_narrow_where_they_look_closely() -> None:
    mel, mirrored, linear = (np.diff(band_edges(20, scale)) for scale in SCALES)
    assert (np.diff(mel) > 0).all()
    np.testing.assert_allclose(mirrored, mel[::-1])
    np.testing.assert_allclose(linear, 400.0)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"sinc_scale": "bark"}, "option sinc_scale: one of mel, inverse-mel, linear expected"),
        ({"widths": [20]}, r"option widths: a list of 2 expected, found \[20\]"),
        ({"preactivation": 1}, "option preactivation: true or false expected, found 1"),
        ({"gru_layers": 0}, "option gru_layers: a whole number 1 to 16 expected, found 0"),
        ({"sinc_length": 1024}, "option sinc_length: an odd number expected, found 1024"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        build_detector("rawnet2", options)
