"""The transformer over a log-mel spectrogram."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from models.detectors import build_detector
from models.detectors.mel_transformer import MelTransformer
from models.errors import InputError
from tests.tolerances import assert_equal_but_for_rounding, in_float64

NARROW: dict[str, Any] = {
    "bands": 20, "widths": [4, 4], "features": 8, "heads": 2, "layers": 2, "feed_forward": 16,
    "dense": 8,
}  # fmt: skip


def narrow(**options: Any) -> MelTransformer:
    torch.manual_seed(1)
    detector = build_detector("mel-transformer", {**NARROW, **options})
    assert isinstance(detector, MelTransformer)
    return detector


def noise(batch: int, samples: int) -> Tensor:
    return 0.1 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(2))


def test_what_is_heard_when_matters() -> None:
    detector = narrow(dropout=0.0).eval()
    clips = noise(1, 16_000)
    turned = torch.cat([clips[:, 8_000:], clips[:, :8_000]], dim=1)
    assert (detector(clips) - detector(turned)).abs().max() > 1e-3


def test_every_moment_hears_every_other() -> None:
    detector = narrow(dropout=0.0).eval()
    steps: list[Tensor] = []
    detector.last_norm.register_forward_pre_hook(lambda _, inputs: steps.append(inputs[0]))
    clips = noise(1, 16_000).requires_grad_()
    detector(clips)
    steps[0][0, 0].sum().backward()
    assert clips.grad is not None
    assert (clips.grad[0, -2_000:] != 0).float().mean() > 0.5  # of the last moments, on the first


def test_masks_are_another_for_each_clip_and_for_training_alone() -> None:
    detector = narrow(frequency_mask=10, time_mask=0.3, dropout=0.0)
    same = noise(1, 16_000).expand(4, -1)
    masked = detector.train()(same)
    assert torch.unique(masked, dim=0).shape[0] == 4
    whole = detector.eval()(same)
    exact = in_float64(detector)(same.double())
    assert_equal_but_for_rounding(whole, whole[:1].expand(4, -1), exact)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"features": 7}, "option features: an even number expected, found 7"),
        ({"heads": 3}, "option heads: a divisor of the 8 features expected, found 3"),
        ({"layers": 0}, "option layers: a whole number 1 to 64 expected, found 0"),
        ({"widths": []}, r"option widths: a list of 1 to 5 expected, found \[\]"),
        ({"frequency_mask": 21}, "option frequency_mask: a whole number 0 to 20 expected"),
        ({"time_mask": 1.5}, "option time_mask: a number 0 to 1 expected, found 1.5"),
        ({"dropout": "much"}, "option dropout: a number 0 to 1 expected, found 'much'"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        narrow(**options)
