"""Light-DARTS: what a genotype says is built, and what a supernet has learnt is read off."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from models.detectors import Detector, build_detector, resolve_options
from models.detectors.light_darts.genotype import KINDS, NAMES, Genotype
from models.detectors.light_darts.network import plan_row
from models.detectors.light_darts.operations import OPERATIONS
from models.detectors.light_darts.supernet import SuperNet, edges_into, supernet_like
from models.errors import InputError

MEL = {"features": "mel", "feature_options": {"bands": 12, "hop": 320}}
WIRING = [[["skip", 0], ["sep-conv-3", 1]], [["max-pool-3", 2], ["dil-conv-5", 0]]]
GENOTYPE = {"normal": WIRING, "reduction": WIRING}


def light(**options: Any) -> Detector:
    torch.manual_seed(1)
    return build_detector("light-darts", {**MEL, "cells": 3, "channels": 4, **options})


def supernet(**options: Any) -> SuperNet:
    torch.manual_seed(1)
    resolved = resolve_options("light-darts", {**MEL, "readout_dropout": 0.0, **options})
    return supernet_like(resolved, cells=3, channels=2, nodes=2)


def noise(batch: int = 2, samples: int = 8_000) -> Tensor:
    return 0.1 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_operations_agree_on_the_size_of_maps(name: str, stride: int) -> None:
    for rows, time in [(7, 10), (6, 9), (1, 1)]:
        maps = torch.randn(2, 4, rows, time)
        expected = (2, 4, -(-rows // stride), -(-time // stride))
        assert OPERATIONS[name](4, stride, True).eval()(maps).shape == expected
    assert OPERATIONS.keys() == set(NAMES)


def test_a_row_halves_its_maps_after_a_third_and_two_thirds() -> None:
    places = list(plan_row(cells=6, channels=8, nodes=3))
    assert [place.kind for place in places] == [
        "normal", "normal", "reduction", "normal", "reduction", "normal",
    ]  # fmt: skip
    assert [place.channels for place in places] == [8, 8, 16, 16, 32, 32]
    assert [place.last for place in places] == [8, 24, 24, 48, 48, 96]
    assert [place.before_last for place in places] == [8, 8, 24, 24, 48, 48]
    assert [place.after_reduction for place in places] == [False, False, False, True, False, True]


def test_cells_are_built_as_the_genotype_says() -> None:
    detector = light(genotype=GENOTYPE)
    edges = [list(cell.edges) for cell in detector.get_submodule("row.cells").children()]
    assert isinstance(edges[0][0], nn.Identity)
    assert isinstance(edges[0][2], nn.Sequential)
    assert isinstance(edges[0][2][0], nn.MaxPool2d)
    strides = [edges[1][1][0].stride, edges[1][2][0].stride, edges[1][3][0].stride]
    assert strides == [(2, 2), 1, (2, 2)]  # the cell that halves: from its inputs, from a node
    assert detector.embedding_dim == 2 * 4 * 4
    assert detector.options["genotype"] == GENOTYPE


def test_another_genotype_is_another_detector_of_the_same_options() -> None:
    one, other = light(genotype=GENOTYPE), light()
    assert one.state_dict().keys() != other.state_dict().keys()
    assert Genotype.read(other.options["genotype"]).written() == other.options["genotype"]


@pytest.mark.parametrize(
    ("genotype", "sentence"),
    [
        (3, "option genotype: normal and reduction expected, found 3"),
        ({"normal": WIRING}, "option genotype: normal and reduction expected"),
        ({"normal": [], "reduction": WIRING}, r"genotype\.normal: a list of nodes expected, found"),
        ({"normal": WIRING, "reduction": WIRING[:1]}, "as many nodes .* found 2 and 1"),
        ({"normal": [["skip", 0]], "reduction": WIRING}, r"normal\[0\]: \[operation, input\] exp"),
        ({"normal": [[["conv", 0]]], "reduction": WIRING}, "one of skip, .* found 'conv'"),
        (
            {"normal": [[["skip", 2]]], "reduction": WIRING},
            "an input from 0 to 1 expected, found 2",
        ),
        ({"normal": [[["skip", True]]], "reduction": WIRING}, "an input from 0 to 1 expected"),
    ],
)
def test_a_genotype_that_cannot_be_built_is_refused_in_one_sentence(
    genotype: object, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        light(genotype=genotype)


def test_features_other_than_ssl_are_options_too() -> None:
    with pytest.raises(InputError, match="no feature named 'sound'"):
        light(features="sound", feature_options=None)
    assert light(features="lfcc", feature_options={"deltas": False}).embed(noise()).shape[0] == 2


def test_the_front_of_ssl_aasist_can_be_heard_through() -> None:
    sizes = {
        "layers": 1, "width": 8, "heads": 2, "feed_forward": 8, "convolution_channels": 4,
        "position_kernel": 4, "position_groups": 2,
    }  # fmt: skip
    detector = light(features="ssl", feature_options=None, front_sizes=sizes, front_tuned="none")
    waveforms = noise().requires_grad_()
    detector.train()(waveforms).sum().backward()
    assert waveforms.grad is not None
    assert (waveforms.grad != 0).float().mean() > 0.5
    assert len(detector.depth_groups()) == 4 + 1 + 3 + 1


def test_a_supernet_learns_alphas_apart_from_its_weights() -> None:
    net = supernet()
    weights = {id(weight) for weight in net.weights()}
    alphas = {id(alpha) for alpha in net.alphas.values()}
    assert not weights & alphas
    assert weights | alphas == {id(weight) for weight in net.parameters()}
    net(noise()).square().sum().backward()
    assert all((alpha.grad != 0).any() for alpha in net.alphas.values())


def test_the_strongest_operations_on_the_strongest_edges_are_read_off() -> None:
    net = supernet()
    none = len(NAMES)
    with torch.no_grad():
        for alpha in net.alphas.values():
            alpha.zero_()
        for kind in KINDS:
            alpha = net.alphas[kind]
            alpha[edges_into(0)[0], NAMES.index("dil-conv-3")] = 3.0
            alpha[edges_into(0)[1], NAMES.index("skip")] = 2.0
            alpha[edges_into(1)[0], NAMES.index("sep-conv-5")] = 2.0
            alpha[edges_into(1)[1], none] = 9.0  # this edge has nothing to say
            alpha[edges_into(1)[2], NAMES.index("avg-pool-3")] = 1.0
    expected = ((("dil-conv-3", 0), ("skip", 1)), (("sep-conv-5", 0), ("avg-pool-3", 2)))
    assert net.genotype() == Genotype(expected, expected)


def test_a_supernet_tells_how_far_it_has_decided() -> None:
    net = supernet()
    assert net.decidedness() == pytest.approx(0.0, abs=1e-3)
    with torch.no_grad():
        for alpha in net.alphas.values():
            alpha[:, 2] = 50.0
    assert net.decidedness() == pytest.approx(1.0, abs=1e-3)
