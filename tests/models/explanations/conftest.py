"""Detectors whose reasons are known, and speech-like sound to ask them about."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.detectors import Detector
from models.detectors.maps import MapLayer
from models.explanations.stretch import ScoredStretch

RATE = 16_000  # Hz
TONE_HZ, TONE_S = 3_000.0, (0.3, 0.5)  # what KnownReason takes for a spoof


class KnownReason(Detector):
    """Hears nothing but the power around 3 kHz: the more of it, the more of a spoof."""

    def __init__(self) -> None:
        super().__init__()
        self.name = "known-reason"
        time = torch.arange(257) / RATE
        band = torch.hann_window(257) * torch.cos(2 * torch.pi * TONE_HZ * time)
        self.filters = nn.Conv1d(1, 1, 257, padding=128, bias=False)
        self.filters.weight = nn.Parameter(band[None, None])

    @property
    def embedding_dim(self) -> int:
        return 1

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        power = self.filters(waveforms[:, None]).square().mean(dim=2)
        return power, torch.cat([power, -power], dim=1)


class WithMap(Detector):
    """A small network over a spectrogram of 8 bands, with a map that Grad-CAM can look at."""

    def __init__(self) -> None:
        super().__init__()
        self.name = "with-map"
        torch.manual_seed(4)
        self.bands = nn.Conv1d(1, 8, 128, stride=64)
        self.maps = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.ReLU())
        self.out = nn.Linear(6, 2)

    @property
    def embedding_dim(self) -> int:
        return 6

    def map_layer(self) -> MapLayer:
        return MapLayer("maps", 64, 64, tuple(float(1000 * i) for i in range(9)))

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        pooled = self.maps(self.bands(10 * waveforms[:, None]).abs()[:, None]).mean(dim=(2, 3))
        return pooled, self.out(pooled)


class WithoutGradient(Detector):
    """Counts in numpy, as detectors that are fitted without a gradient do."""

    name = "without-gradient"

    @property
    def embedding_dim(self) -> int:
        return 1

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        power = torch.from_numpy(np.square(waveforms.detach().numpy()).mean(axis=1))[:, None]
        return power, torch.cat([power, -power], dim=1)


@pytest.fixture
def known_reason() -> Detector:
    return KnownReason().eval()


@pytest.fixture
def with_map() -> Detector:
    return WithMap().eval()


@pytest.fixture(scope="session")
def learnt(stretch_of: Callable[..., ScoredStretch]) -> Detector:
    """A detector that has learnt that a tone over the hum is a spoof; not to be changed."""
    detector = WithMap()
    spoof = stretch_of(detector).waveform
    generator = torch.Generator().manual_seed(8)
    spoofs = spoof + 0.003 * torch.randn((6, len(spoof)), generator=generator)
    bonafide = spoofs.clone()
    bonafide[:, 4_800:8_000] = bonafide[:, 1_600:4_800]
    clips, labels = torch.cat([spoofs, bonafide]), torch.tensor([0] * 6 + [1] * 6)
    optimiser = torch.optim.Adam(detector.parameters(), lr=0.03)
    for _ in range(60):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(detector(clips), labels)
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.3
    return detector.eval()


@pytest.fixture
def without_gradient() -> Detector:
    return WithoutGradient().eval()


def hum_with_tone(seconds: float = 1.0) -> NDArray[np.float32]:
    """A hum with a little noise, and a tone of 3 kHz from 0.3 to 0.5 s."""
    time = np.arange(int(seconds * RATE)) / RATE
    hum = sum(np.sin(2 * np.pi * 150 * k * time + k) / k for k in range(1, 6))
    within = (time >= TONE_S[0]) & (time < TONE_S[1])
    noise = np.random.default_rng(1).standard_normal(time.size)
    sound = 0.1 * hum + 0.002 * noise + 0.05 * within * np.sin(2 * np.pi * TONE_HZ * time)
    return np.asarray(sound, dtype=np.float32)


@pytest.fixture
def speech() -> NDArray[np.float32]:
    return hum_with_tone()


@pytest.fixture(scope="session")
def stretch_of() -> Callable[..., ScoredStretch]:
    """Ask a detector about `hum_with_tone`, repeated to a window where that is longer."""

    def ask(detector: Detector, samples: int = RATE, seconds: float = 1.0) -> ScoredStretch:
        return ScoredStretch(detector, torch.from_numpy(hum_with_tone(seconds)), samples)

    return ask
