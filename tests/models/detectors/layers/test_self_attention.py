"""Attention and positions against their definitions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from models.detectors.layers.self_attention import SelfAttention, TransformerLayer, positions
from models.errors import InputError
from tests.tolerances import EPS


def test_self_attention_is_that_of_torch_with_the_same_weights() -> None:
    torch.manual_seed(1)
    attention = SelfAttention(12, 3, dropout=0.0)
    reference = nn.MultiheadAttention(12, 3, batch_first=True)
    reference.in_proj_weight, reference.in_proj_bias = (
        attention.project.weight,
        attention.project.bias,
    )
    reference.out_proj.weight, reference.out_proj.bias = attention.join.weight, attention.join.bias
    steps = torch.randn(2, 7, 12)
    expected, _ = reference(steps, steps, steps)
    torch.testing.assert_close(attention(steps), expected)


def test_attention_by_itself_does_not_know_the_order_of_steps() -> None:
    torch.manual_seed(1)
    layer = TransformerLayer(8, 2, 16, dropout=0.0).eval()
    steps, order = torch.randn(1, 6, 8), torch.tensor([3, 1, 5, 0, 2, 4])
    torch.testing.assert_close(layer(steps[:, order]), layer(steps)[:, order])


def test_attention_drops_out_in_training_alone() -> None:
    torch.manual_seed(1)
    attention, steps = SelfAttention(8, 2, dropout=0.5), torch.randn(1, 6, 8)
    assert not torch.equal(attention(steps), attention(steps))
    attention.eval()
    assert torch.equal(attention(steps), attention(steps))


def test_positions_are_sines_and_cosines_of_falling_rates() -> None:
    table = positions(torch.empty(1, 50, 8))
    assert table.shape == (50, 8)
    for place in (0, 1, 49):
        for k in range(4):
            angle = place / 10_000 ** (k / 4)
            rounded = 4 * EPS * max(angle, 1.0)  # a rate, a product and a sine
            assert table[place, k].item() == pytest.approx(math.sin(angle), abs=rounded)
            assert table[place, 4 + k].item() == pytest.approx(math.cos(angle), abs=rounded)


def test_no_sequence_is_too_long_and_its_length_moves_no_position() -> None:
    long = positions(torch.empty(1, 20_000, 16))
    assert torch.equal(long[:300], positions(torch.empty(1, 300, 16)))
    assert torch.isfinite(long).all()
    assert torch.unique(long[:5_000], dim=0).shape[0] == 5_000


def test_heads_that_do_not_divide_the_features_are_refused() -> None:
    sentence = "option heads: a divisor of the 12 features expected, found 5"
    with pytest.raises(InputError, match=sentence):
        SelfAttention(12, 5, dropout=0.0)
