"""A detector and clips small enough that a training takes a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.data.clips import Clips
from models.params.tree import Params
from models.trials import Trial
from tests.small import SmallTraining, SmallWindow

LENGTH = 900  # samples of a clip, shorter than a real detector would hear


class TinyDetector(nn.Module):
    """The interface of a detector with everything that makes training subtle: BN and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.Conv1d(1, 6, 17, stride=4)
        self.norm = nn.BatchNorm1d(6)
        self.dropout = nn.Dropout(0.2)
        self.out = nn.Linear(6, 2)

    def embed(self, waveforms: Tensor) -> Tensor:
        """Mean level (batch, 6) behind each filter."""
        return self.norm(self.filters(waveforms[:, None])).abs().mean(dim=2)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Logits (batch, 2)."""
        return self.out(self.dropout(self.embed(waveforms)))


def draw_clips(seed: int, bonafide: int = 12, attacks: tuple[str, ...] = ("A1", "A2")) -> Clips:
    """Noise for people, tones for attacks; two attacks of unequal size."""
    rng = np.random.default_rng(seed)
    trials, waveforms = [], []
    for i in range(bonafide):
        trials.append(Trial(f"b{i}", Path("b"), None, speaker_id=f"s{i % 3}"))
        waveforms.append(0.1 * rng.standard_normal(LENGTH + i))
    for number, attack in enumerate(attacks):
        for i in range(4 + 4 * number):
            trials.append(Trial(f"{attack}-{i}", Path("a"), attack, speaker_id=attack))
            tone = np.sin(np.arange(LENGTH - i) * rng.uniform(0.2, 0.4) * (1 + number))
            waveforms.append(0.1 * tone + 0.08 * rng.standard_normal(tone.size))
    return Clips.from_arrays(trials, [w.astype(np.float32) for w in waveforms])


@pytest.fixture(autouse=True)
def seeded() -> None:
    """What a test draws from torch does not depend on the tests that ran before it."""
    torch.manual_seed(0)


@pytest.fixture
def tiny_detector() -> Callable[[], TinyDetector]:
    """Gives detectors with the same first weights."""

    def build() -> TinyDetector:
        torch.manual_seed(7)
        return TinyDetector()

    return build


@pytest.fixture(scope="session")
def trained_detector(train_clips: Clips) -> TinyDetector:
    """A detector that tells tones from noise, in evaluation mode; not to be changed."""
    torch.manual_seed(7)
    detector = TinyDetector()
    optimiser = torch.optim.Adam(detector.parameters(), lr=0.02)
    waveforms = torch.from_numpy(np.stack([train_clips.part(i, 0, 600) for i in range(24)]))
    labels = torch.from_numpy(train_clips.bonafide.astype(np.int64))
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.cross_entropy(detector(waveforms), labels).backward()
        optimiser.step()
    return detector.eval()


@pytest.fixture(scope="session")
def train_clips() -> Clips:
    """24 clips to learn from."""
    return draw_clips(1)


@pytest.fixture(scope="session")
def dev_clips() -> Clips:
    """24 other clips."""
    return draw_clips(2)


@pytest.fixture(scope="session")
def three_attacks() -> Clips:
    """36 clips of people and 24 of three attacks."""
    return draw_clips(3, bonafide=36, attacks=("A1", "A2", "A3"))


@pytest.fixture
def tiny_params() -> Params:
    """Three epochs of five steps."""
    return Params(
        window=SmallWindow(),
        training=SmallTraining(
            learning_rate=0.02,
            final_learning_rate=0.001,
            batch_size=8,
            epochs=3,
            steps_per_epoch=5,
        ),
        augmentation={"gain": 0.5, "white_noise": 0.5},
    )


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Sums in one order, so that results are the same bit for bit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(before)
