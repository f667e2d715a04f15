"""LFCC-LCNN: the light CNN of the ASVspoof 2021 baseline, with recurrent layers before pooling.

Source: Wang & Yamagishi, "A comparative study on recent neural spoofing countermeasures for
synthetic speech detection" (arXiv 2103.11326), and the baseline published with ASVspoof 2021. The
max-feature-map activation is that of arXiv 1511.02683.

What differs: two logits instead of one sigmoid (97 weights more), so that every loss here fits;
the embedding is what the last layer reads; frames at the ends are mirrored, not filled up with
zeros; natural logarithms, and slopes for differences, which scale rows by constants.

Parameters: 269,826 with the defaults.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from models.detectors.detector import Detector
from models.detectors.features.lfcc import Lfcc
from models.detectors.layers.lstm import Lstm
from models.detectors.layers.max_feature_map import MaxFeatureMap
from models.detectors.maps import MapLayer
from models.detectors.options import even, number, several, whole_number

POOLINGS = 4  # each halves frames and coefficients
FLOOR = 1.1920929e-07  # of the baseline: the rounding of 1 in float32


class Lcnn(Detector):
    """Five stages of convolutions, each followed by a max-feature-map, then two BLSTM layers.

    A convolution gives twice the channels that go on: of each pair, the larger value in each place
    (max-feature-map, `MaxFeatureMap`). Batch norms have no weights, as published.

    Args (all of them options in params.yaml):
        widths: channels that leave the first, the second, the third, and the last two stages.
        coefficients: of the LFCC, and as many filters; with Δ and ΔΔ, three times as many rows.
        highest_hz: that the filters hear; half of the band, as published.
        recurrent_layers: bidirectional LSTMs over time, with a short cut around them.
        dropout: in training, in front of them.
    """

    def __init__(
        self,
        *,
        widths: Sequence[int] = (32, 48, 64, 32),
        coefficients: int = 20,
        highest_hz: float = 4_000.0,
        recurrent_layers: int = 2,
        dropout: float = 0.7,
    ) -> None:
        super().__init__()
        first, second, third, last = (
            whole_number("widths", width, 1, 4096) for width in several("widths", widths, 4, 4)
        )
        even("widths, the last of them,", last, 2, 4096)  # half of it for each direction of an LSTM
        count = whole_number("coefficients", coefficients, 6, 512)
        self.lfcc = Lfcc(
            coefficients=count,
            filters=count,
            window="hamming",
            highest_hz=highest_hz,
            energy=True,
            delta_frames=3,
            floor=FLOOR,
            pre_emphasis=0.97,
        )
        self.stages = nn.Sequential(
            nn.Sequential(*_convolution(1, first, 5), nn.MaxPool2d(2)),
            nn.Sequential(*_pair(first, second), nn.MaxPool2d(2), _norm(second)),
            nn.Sequential(*_pair(second, third), nn.MaxPool2d(2)),
            nn.Sequential(*_pair(third, last), _norm(last)),
            nn.Sequential(*_pair(last, last), nn.MaxPool2d(2)),
        )
        features = self.lfcc.bins // 2**POOLINGS * last
        self.drop = nn.Dropout(number("dropout", dropout, 0.0, 1.0))
        layers = whole_number("recurrent_layers", recurrent_layers, 1, 8)
        self.recurrent = nn.Sequential(
            *(Lstm(features, features // 2, bidirectional=True) for _ in range(layers))
        )
        self.head = nn.Linear(features, 2)

    @property
    def embedding_dim(self) -> int:
        """Coefficients that remain after the last stage, times its channels."""
        return self.head.in_features

    @property
    def last_layer(self) -> nn.Linear:
        """The layer that makes the logits of the embedding."""
        return self.head

    def depth_groups(self) -> Sequence[Sequence[str]]:
        """Each stage, the recurrent layers, the head."""
        stages = [(f"stages.{stage}",) for stage in range(len(self.stages))]
        return [*stages, ("recurrent",), ("head",)]

    def map_layer(self) -> MapLayer:
        """The output of the stages: 16 frames a column."""
        frames = 2**POOLINGS
        middle = self.lfcc.hop * (frames - 1) / 2
        return MapLayer("stages", self.lfcc.hop * frames, middle, time_first=True)

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (batch, embedding_dim) and logits (batch, 2) of waveforms (batch, samples)."""
        rows = self.lfcc(waveforms).transpose(1, 2)[:, None]  # (batch, 1, frames, coefficients)
        maps = self.drop(self.stages(rows))  # (batch, channels, frames / 16, coefficients / 16)
        sequence = maps.transpose(1, 2).flatten(2)  # (batch, frames / 16, embedding_dim)
        embedding = (sequence + self.recurrent(sequence)).mean(dim=1)
        return embedding, self.head(embedding)


def _convolution(before: int, after: int, size: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(before, 2 * after, size, padding=size // 2), MaxFeatureMap()


def _pair(before: int, after: int) -> tuple[nn.Module, ...]:
    """A network in each place, then a 3 × 3 convolution."""
    return (*_convolution(before, before, 1), _norm(before), *_convolution(before, after, 3))


def _norm(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, affine=False)
