"""Attention over MFCCs, and what fine-tuning may freeze of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.detectors import build_detector
from models.detectors.mfcc_attention import MfccAttention
from models.errors import InputError
from models.params.learning import TransferParams
from models.params.training import TrainingParams
from models.training.transfer import Front

NARROW: dict[str, Any] = {
    "coefficients": 8, "bands": 20, "widths": [4, 4, 8], "features": 8, "heads": 2,
}  # fmt: skip


def narrow(**options: Any) -> MfccAttention:
    torch.manual_seed(1)
    detector = build_detector("mfcc-attention", {**NARROW, **options})
    assert isinstance(detector, MfccAttention)
    return detector


def noise(batch: int, samples: int = 16_000) -> Tensor:
    return 0.1 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("wavelets", [False, True])
def test_the_default_of_frozen_groups_is_all_convolutions_and_nothing_else(wavelets: bool) -> None:
    detector = narrow(wavelets=wavelets).train()
    front = Front.of(detector, TrainingParams(transfer=TransferParams(frozen_epochs=1)))
    front.hold(0)
    frozen = {n for n, weight in detector.named_parameters() if not weight.requires_grad}
    convolved = {
        f"{name}.{weight}"
        for name, module in detector.named_modules()
        if isinstance(module, nn.Conv2d | nn.BatchNorm1d | nn.BatchNorm2d)
        for weight, _ in module.named_parameters()
    }
    assert frozen == convolved
    front.hold(1)
    assert all(weight.requires_grad for weight in detector.parameters())


def test_deltas_are_channels_of_the_picture() -> None:
    assert narrow().views[0].convolutions.blocks[0].conv.in_channels == 3
    assert narrow(deltas=False).views[0].convolutions.blocks[0].conv.in_channels == 1


def test_wavelet_packets_are_heard_beside_the_mfccs_at_the_same_moments() -> None:
    detector = narrow(wavelets=True).eval()
    for samples in (8_000, 8_159, 8_160, 30_001):
        mfccs, packets = (view(noise(1, samples)) for view in detector.views)
        assert mfccs.shape[1] == packets.shape[1] == (1 + samples // 160) // 8
    without = detector(noise(2))
    nn.init.zeros_(detector.views[1].norm.weight)
    assert (detector(noise(2)) - without).abs().max() > 1e-4


def test_dropout_is_that_of_the_notes() -> None:
    detector = build_detector("mfcc-attention")
    assert {m.p for m in detector.modules() if isinstance(m, nn.Dropout)} == {0.3}
    assert detector.attention.dropout == 0.3


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"heads": 3}, "option heads: a divisor of the 8 features expected, found 3"),
        ({"deltas": 2}, "option deltas: true or false expected, found 2"),
        ({"wavelets": "yes"}, "option wavelets: true or false expected, found 'yes'"),
        ({"wavelets": True, "hop": 100}, r"option hop: a multiple of 2\^level \(32\) expected"),
        ({"coefficients": 21}, "option coefficients: a whole number 1 to 20 expected, found 21"),
        ({"widths": [4, 0]}, "option widths: a whole number 1 to 4096 expected, found 0"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        narrow(**options)
