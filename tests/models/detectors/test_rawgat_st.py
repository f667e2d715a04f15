"""RawGAT-ST against the official release, and what is ours: other lengths, the three fusions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.detectors import build_detector, cm_score
from models.detectors.layers.rank_projection import RankProjection
from models.errors import InputError
from models.packaging.checkpoint import import_weights, load_detector
from tests.tolerances import assert_equal_but_for_rounding, in_float64

pytestmark = pytest.mark.slow

NARROW = {
    "widths": [4, 4, 8], "graph_dims": [8, 4], "sinc_filters": 24, "sinc_length": 33,
    "samples": 24_000,
}  # fmt: skip


def test_official_weights_give_the_official_logits(shared: Path, tmp_path: Path) -> None:
    import_weights("rawgat-st", shared / "weights/RawGAT_ST_mul.pth", tmp_path / "detector")
    detector = load_detector(tmp_path / "detector")
    waveforms = torch.from_numpy(np.load(shared / "parity/waveforms.npy"))
    with torch.inference_mode():
        logits, exact = detector(waveforms), in_float64(detector)(waveforms.double())
    published = np.load(shared / "parity/RawGAT_ST_mul_logits.npy")
    assert_equal_but_for_rounding(published, logits, exact)


def test_weights_of_another_fusion_are_refused_in_one_sentence(
    shared: Path, tmp_path: Path
) -> None:
    sentence = r"not weights of rawgat-st with these options: GAT_layer3\.\S+: shape .* expected"
    path = shared / "weights/RawGAT_ST_mul.pth"
    with pytest.raises(InputError, match=sentence):
        import_weights("rawgat-st", path, tmp_path / "detector", {"fusion": "concat"})


@pytest.mark.parametrize(
    ("fusion", "parameters", "embedding"),
    [("mul", 440_810, 112), ("add", 440_810, 112), ("concat", 445_546, 224)],
)
def test_each_fusion_has_the_sizes_of_the_release(
    fusion: str, parameters: int, embedding: int
) -> None:
    detector = build_detector("rawgat-st", {"fusion": fusion})
    assert sum(weight.numel() for weight in detector.parameters()) == parameters
    assert detector.embedding_dim == embedding


def test_fusions_of_the_same_weights_answer_differently() -> None:
    waveforms = 0.1 * torch.randn(2, 24_000, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(1)
    detector = build_detector("rawgat-st", {**NARROW, "fusion": "add"}).eval()
    other = build_detector("rawgat-st", {**NARROW, "fusion": "mul"}).eval()
    other.load_state_dict(detector.state_dict())
    with torch.inference_mode():
        assert not torch.allclose(detector(waveforms), other(waveforms))


def test_logits_are_two_linear_maps_of_the_embedding() -> None:
    torch.manual_seed(1)
    detector = build_detector("rawgat-st", NARROW).eval()
    with torch.inference_mode():
        embedding, logits = detector.forward_both(0.1 * torch.randn(2, 24_000))
        nodes = embedding.unflatten(1, (-1, 4))  # (batch, nodes, features)
        torch.testing.assert_close(detector.proj_node(detector.proj(nodes).flatten(1)), logits)


def test_every_weight_in_use_learns() -> None:
    detector = build_detector("rawgat-st", NARROW).train()
    cm_score(detector(0.1 * torch.randn(4, 8_000))).sum().backward()
    idle = {name for name, weight in detector.named_parameters() if weight.grad is None}
    unused = ("bn1.weight", "bn1.bias", "conv_1.weight", "conv_1.bias")  # for the state dict alone
    assert idle == {
        f"{encoder}.{block}.0.{weight}"
        for encoder in ("encoder1", "encoder2")
        for block in range(1, 6)
        for weight in unused
    }


def test_with_a_node_for_every_rank_the_projection_is_a_linear_map() -> None:
    torch.manual_seed(1)
    project = RankProjection(23, 12)
    nodes = torch.randn(2, 23, 5)
    expected = torch.nn.functional.linear(nodes.mT, project.weight, project.bias).mT
    assert torch.equal(project(nodes), expected)


@pytest.mark.parametrize("copies", [2, 5])
def test_ranks_that_are_shared_by_equal_nodes_give_the_same(copies: int) -> None:
    torch.manual_seed(1)
    project = RankProjection(6, 4)
    nodes = torch.randn(2, 6, 3)
    torch.testing.assert_close(project(nodes.repeat_interleave(copies, 1)), project(nodes))


@pytest.mark.parametrize("count", [1, 2, 5, 23, 24, 100])
def test_what_equal_nodes_give_does_not_depend_on_their_number(count: int) -> None:
    torch.manual_seed(1)
    project = RankProjection(23, 12)
    node = torch.randn(1, 1, 4)
    torch.testing.assert_close(project(node.expand(1, count, 4)), project(node))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"fusion": "sum"}, "option fusion: one of add, mul, concat expected, found 'sum'"),
        ({"samples": 7_999}, "option samples: a whole number 8000 to 16000000 expected"),
        ({"fused_nodes": 0}, "option fused_nodes: a whole number 1 to 4096 expected, found 0"),
        ({"graph_dims": [8]}, r"option graph_dims: a list of 2 expected, found \[8\]"),
        ({"sinc_length": 32}, "option sinc_length: an odd number expected, found 32"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        build_detector("rawgat-st", options)
