"""AASIST beyond what every detector promises: its options, its graphs, its filters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from models.detectors import Detector, build_detector, cm_score, resolve_options
from models.detectors.detector import MIN_SAMPLES
from models.detectors.layers.graph import GraphPool
from models.detectors.layers.sinc import SincFilters, sinc_bank
from models.errors import InputError

NARROW = {"widths": [4, 4, 8, 8], "graph_dims": [8, 8], "sinc_filters": 24, "sinc_length": 33}


def narrow() -> Detector:
    torch.manual_seed(1)
    return build_detector("aasist", NARROW)


def noise(batch: int) -> Tensor:
    return 0.1 * torch.randn(batch, MIN_SAMPLES, generator=torch.Generator().manual_seed(2))


def test_training_drops_out_at_random() -> None:
    detector = narrow().train()
    torch.manual_seed(3)
    first = detector(noise(2))
    assert not torch.equal(detector(noise(2)), first)


def test_every_weight_in_use_learns() -> None:
    detector = narrow().train()
    cm_score(detector(noise(4))).sum().backward()
    idle = {name for name, weight in detector.named_parameters() if weight.grad is None}
    # the batch norms that the official code computes and throws away
    assert idle == {f"encoder.{i}.0.bn1.{kind}" for i in range(1, 6) for kind in ("weight", "bias")}


def test_the_128_dimensional_graph_with_a_640_dimensional_embedding_is_a_matter_of_options() -> (
    None
):
    detector = build_detector("aasist", {"graph_dims": [128, 128]}).eval()
    assert detector.embedding_dim == 640
    assert detector.embed(noise(1)).shape == (1, 640)


@pytest.mark.parametrize("blocks", [4, 5, 7])
def test_the_depth_is_a_matter_of_options(blocks: int) -> None:
    detector = build_detector("aasist", {**NARROW, "blocks": blocks}).eval()
    assert len(detector.depth_groups()) == blocks + 4
    assert torch.isfinite(detector(noise(2))).all()


def test_aasist_l_is_aasist_with_other_options() -> None:
    options = {
        "widths": [32, 32, 24, 24],
        "graph_dims": [24, 32],
        "pool_ratios": [0.4, 0.5, 0.7],
    }
    assert resolve_options("aasist", options) == resolve_options("aasist-l")


def test_pooling_keeps_the_best_nodes_best_first_and_never_none() -> None:
    pool = GraphPool(1, ratio=0.7, dropout=0.0)
    torch.nn.init.ones_(pool.proj.weight)
    torch.nn.init.zeros_(pool.proj.bias)
    nodes = torch.tensor([[[1.0], [-3.0], [2.0], [0.5]]])
    pooled = pool(nodes)
    assert torch.allclose(
        pooled, torch.tensor([[[2.0], [1.0]]]) * torch.sigmoid(pooled.new_tensor([[2.0], [1.0]]))
    )
    assert pool(nodes[:, :1]).shape == (1, 1, 1)
    assert pool(torch.zeros(1, 90, 1)).shape[1] == 63


def test_frequency_masking_silences_neighbouring_filters_in_training_alone() -> None:
    filters = SincFilters(24, 33, masked=20)
    torch.manual_seed(0)
    silent = [(filters(noise(2)) == 0).all(dim=2)[0].nonzero().flatten() for _ in range(20)]
    assert any(len(bands) > 0 for bands in silent)
    for bands in silent:
        assert len(bands) < 20
        assert torch.equal(bands, torch.arange(len(bands)) + (bands[0] if len(bands) else 0))
    assert not (filters.eval()(noise(2)) == 0).all(dim=2).any()


def test_filters_cover_the_band_evenly_in_mel() -> None:
    bank = torch.from_numpy(sinc_bank(70, 129))
    response = torch.fft.rfft(bank, n=4_096).abs()
    peaks = response.argmax(dim=1) * 16_000 / 4_096  # Hz
    assert (peaks[1:] >= peaks[:-1]).all()
    assert peaks[0] < 100
    assert peaks[-1] > 7_500
    assert response.sum(dim=0)[50:-50].min() > 0.7  # no gap between neighbours


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"width": 3}, "aasist: no option named 'width'; known: sinc_filters"),
        ({"widths": 8}, "option widths: a list of 1 to 6 expected, found 8"),
        ({"widths": [8, 0]}, "option widths: a whole number 1 to 4096 expected, found 0"),
        ({"widths": "88"}, "option widths: a list"),
        ({"graph_dims": [64]}, r"option graph_dims: a list of 2 expected, found \[64\]"),
        ({"pool_ratios": [0.5, 0.7, 2]}, "option pool_ratios: a number 0.01 to 1"),
        ({"temperatures": [0, 1, 1]}, "option temperatures: a number"),
        ({"sinc_length": 128}, "option sinc_length: an odd number expected, found 128"),
        ({"sinc_filters": True}, "option sinc_filters: a whole number"),
        ({"pool_dropout": 1.5}, "option pool_dropout: a number 0 to 1"),
        ({"blocks": 8}, "option blocks: a whole number 4 to 7 expected, found 8"),
        ({"frequency_mask": 71}, "option frequency_mask: a whole number 0 to 70"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        build_detector("aasist", options)
