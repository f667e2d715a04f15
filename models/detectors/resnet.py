"""LFCC-ResNet18 of one-class learning (Zhang, Jiang & Duan, arXiv 2010.13995).

Faithful to the published code in the network: pre-activation blocks, a first convolution of
(9, 3) in steps of (3, 1), attentive pooling, an embedding of 256. What differs:

- OC-softmax is `training.loss: one-class`. As published it scores by the cosine between the
  embedding and a learnt direction; here, as with every detector, by the difference of two logits,
  on which `models/training/losses.py` puts the same margins after s / (1 + |s|). The two logits are
  those that the published network learns beside it with cross-entropy.
- Any length is heard: windows are repeated to their length by `models/audio/windows.py`, not to 750
  frames here. The deviation is weighted like the mean; the published one is that of weighted
  values, which shrinks as clips grow.
- A layer of 10.7 million weights that the published code makes and never calls is left out.

Parameters: 12,450,290 with the defaults.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from models.detectors.detector import Detector
from models.detectors.features import Feature, build_feature
from models.detectors.layers.attentive_pooling import AttentivePooling
from models.detectors.maps import MapLayer
from models.detectors.options import choice, several, whole_number

BLOCKS = 2  # of each of the four layers
FRONT_ENDS = {
    # 20 ms every 10 ms, over the whole band
    "lfcc": {"fft": 512, "window": "hamming", "delta_frames": 3, "pre_emphasis": 0.97},
    "spectrogram": {},
    "cqt": {},
}


class Resnet(Detector):
    """A residual network of 18 layers over rows and frames, pooled over time with attention.

    Args (all of them options in params.yaml):
        feature: `lfcc` as published, `spectrogram` or `cqt`; see `models/detectors/features`.
        stem: channels of the first convolution.
        widths: channels of the four layers of two blocks; each but the first halves the maps.
        embedding: numbers in it, and channels that are pooled.
    """

    def __init__(
        self,
        *,
        feature: str = "lfcc",
        stem: int = 16,
        widths: Sequence[int] = (64, 128, 256, 512),
        embedding: int = 256,
    ) -> None:
        super().__init__()
        key = choice("feature", feature, FRONT_ENDS)
        self.feature: Feature = build_feature(key, FRONT_ENDS[key])
        channels = [
            whole_number("stem", stem, 1, 4096),
            *(whole_number("widths", width, 1, 4096) for width in several("widths", widths, 4, 4)),
        ]
        size = whole_number("embedding", embedding, 1, 4096)
        self.conv1 = nn.Conv2d(1, channels[0], (9, 3), stride=(3, 1), padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels[0])
        self.layers = nn.Sequential(
            *(
                nn.Sequential(
                    PreactivationBlock(before, after, stride=1 if place == 0 else 2),
                    *(PreactivationBlock(after, after) for _ in range(BLOCKS - 1)),
                )
                for place, (before, after) in enumerate(pairwise(channels))
            )
        )
        rows = rows_left(self.feature.bins)
        self.conv5 = nn.Conv2d(channels[-1], size, (rows, 3), padding=(0, 1), bias=False)
        self.bn5 = nn.BatchNorm2d(size)
        self.pooling = AttentivePooling(size)
        self.embedding = nn.Linear(2 * size, size)
        self.head = nn.Linear(size, 2)
        _initialise(self)

    @property
    def embedding_dim(self) -> int:
        """Numbers that the last layer reads."""
        return self.head.in_features

    @property
    def last_layer(self) -> nn.Linear:
        """The layer that makes the logits of the embedding."""
        return self.head

    def depth_groups(self) -> Sequence[Sequence[str]]:
        """The first convolution, each layer, pooling, the head."""
        layers = [(f"layers.{layer}",) for layer in range(len(self.layers))]
        return [("conv1", "bn1"), *layers, ("conv5", "bn5", "pooling", "embedding"), ("head",)]

    def map_layer(self) -> MapLayer:
        """The output of the four layers: a column around every eighth frame."""
        return MapLayer("layers", self.feature.hop * 2 ** (len(self.layers) - 1), 0.0)

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (batch, embedding_dim) and logits (batch, 2) of waveforms (batch, samples)."""
        rows = self.feature(waveforms)[:, None]  # (batch, 1, rows, frames)
        maps = self.layers(functional.relu(self.bn1(self.conv1(rows))))
        sequence = functional.relu(self.bn5(self.conv5(maps))).squeeze(2)  # (batch, size, frames/8)
        embedding = self.embedding(self.pooling(sequence))
        return embedding, self.head(embedding)


class PreactivationBlock(nn.Module):
    """Two convolutions with norm and rectifier in front of each, beside a short cut.

    Maps (batch, before, rows, frames) -> (batch, after, ⌈rows / stride⌉, ⌈frames / stride⌉).
    """

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(before)
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.shortcut: nn.Module | None = None
        if stride != 1 or before != after:
            self.shortcut = nn.Conv2d(before, after, 1, stride=stride, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """The short cut starts behind the first rectifier where it has to change the shape."""
        active = functional.relu(self.bn1(maps))
        straight = maps if self.shortcut is None else self.shortcut(active)
        out: Tensor = self.conv2(functional.relu(self.bn2(self.conv1(active)))) + straight
        return out


def rows_left(bins: int) -> int:
    """Rows of the maps behind the four layers, of a feature with `bins` rows."""
    rows = (bins + 2 - 9) // 3 + 1
    for _ in range(3):
        rows = -(-rows // 2)
    return rows


def _initialise(detector: nn.Module) -> None:
    """First weights as published."""
    for layer in detector.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out")
        elif isinstance(layer, nn.Linear):
            nn.init.kaiming_uniform_(layer.weight)
