"""The maps that detectors name lie in frequency and time where they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.detectors import DETECTORS, Detector, build_detector
from models.detectors.maps import MapLayer
from models.explanations.grad_cam import grad_cam
from models.explanations.inside import inside
from models.explanations.stretch import ScoredStretch

RATE = 16_000  # Hz
GRAPHS = {"widths": [4, 4, 8, 8], "graph_dims": [8, 8], "sinc_filters": 24, "sinc_length": 33}
WHISPER_SIZES = {"mels": 12, "width": 16, "heads": 2, "blocks": 2}
NARROW: dict[str, dict[str, Any]] = {
    "aasist": GRAPHS,
    "aasist-l": {**GRAPHS, "blocks": 5},
    "rawgat-st": {**GRAPHS, "widths": [4, 4, 8], "samples": 24_000},
    "lcnn": {"widths": [8, 8, 8, 8]},
    "resnet": {"stem": 4, "widths": [4, 8, 8, 16], "embedding": 16},
    "ssl-aasist": {
        "rows": 12, "widths": [4, 4, 8, 8], "graph_dims": [8, 8],
        "front_sizes": {
            "layers": 1, "width": 16, "heads": 2, "feed_forward": 16, "convolution_channels": 8,
            "position_kernel": 8, "position_groups": 2,
        },
    },
    "whisper": {"sizes": WHISPER_SIZES, "layers": [0, 1], "rows": 8, "embedding": 8},
    "whisper-aasist": {
        "sizes": WHISPER_SIZES, "layers": [0, 1], "rows": 24, "widths": [8, 8, 16, 16],
        "graph_dims": [8, 8],
    },
    "probes": {"sizes": WHISPER_SIZES, "layers": [0, 1], "blocks": [0, 1]},
}  # fmt: skip
BY_FREQUENCY = ("aasist", "aasist-l", "rawgat-st")


def narrow(name: str) -> tuple[Detector, MapLayer]:
    """A small detector that has scored noise, and the map it names."""
    torch.manual_seed(1)
    detector = build_detector(name, NARROW[name]).train()
    with torch.no_grad():
        detector(0.1 * torch.randn(8, 8_000))
    layer = detector.map_layer()
    assert layer is not None
    return detector.eval(), layer


def noise(samples: int, seed: int = 2) -> Tensor:
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(seed))


def changes(name: str, clips: Tensor, other: Tensor) -> tuple[np.ndarray, MapLayer]:
    """How far a map (rows, columns) differs when a detector hears the other clip."""
    detector, layer = narrow(name)
    with torch.no_grad(), inside(detector, [layer.module]) as passed:
        detector(torch.stack([clips, other]))
        maps = passed[layer.module].output
    change = (maps[1] - maps[0]).abs().mean(dim=0)
    return (change.mT if layer.time_first else change).numpy(), layer


def test_all_that_name_a_map_are_tested_here() -> None:
    kinds = {name: getattr(factory, "func", factory) for name, factory in DETECTORS.items()}
    assert {
        name for name, kind in kinds.items() if kind.map_layer is not Detector.map_layer
    } == set(NARROW)


@pytest.mark.parametrize("name", NARROW)
@pytest.mark.parametrize("second", [0.7, 2.9])
def test_what_sounds_otherwise_is_in_the_column_of_its_time(name: str, second: float) -> None:
    before = noise(64_600)
    after, place = before.clone(), round(second * RATE)
    after[place - 200 : place + 200] = noise(400, seed=3)
    change, layer = changes(name, before, after)
    middles = layer.first + layer.hop * np.arange(change.shape[1])
    assert middles[-1] < 64_600 < middles[-1] + 2 * layer.hop
    loudest = middles[change.mean(axis=0).argmax()]
    assert abs(loudest - place) <= layer.hop


@pytest.mark.parametrize("name", BY_FREQUENCY)
@pytest.mark.parametrize("hertz", [500.0, 1_500.0, 4_500.0])
def test_a_tone_is_in_the_row_of_its_frequency(name: str, hertz: float) -> None:
    before = 0.01 * noise(24_000)
    tone = 0.1 * torch.sin(2 * torch.pi * hertz * torch.arange(24_000) / RATE)
    change, layer = changes(name, before, before + tone)
    assert layer.edges_hz is not None
    assert len(layer.edges_hz) == len(change) + 1
    expected = np.searchsorted(layer.edges_hz, hertz, side="right") - 1
    assert abs(int(change.mean(axis=1).argmax()) - expected) <= 1


@pytest.mark.parametrize("name", NARROW)
def test_grad_cam_draws_it(name: str) -> None:
    detector, layer = narrow(name)
    heatmap = grad_cam(ScoredStretch(detector, noise(24_000), 24_000))
    rows = 1 if layer.edges_hz is None else len(layer.edges_hz) - 1
    assert heatmap.values.shape == (rows, 47)
    assert (heatmap.edges_hz[0], heatmap.edges_hz[-1]) == (0.0, pytest.approx(8_000.0))
    assert np.isfinite(heatmap.values).all()
    assert np.ptp(heatmap.values) > 0
