"""A self-supervised front and the back end of AASIST (arXiv 2202.12233).

Sizes, and names behind the front, are those of the official release: features of the front made 128
by one linear layer, taken as a map of 128 × time; residual blocks that keep time as long as it is;
graphs by attention over the map. What differs: the waveform has zero mean and unit variance where
the front was pretrained so (the release feeds it as it comes), the layers of the front are
weighed and not the last one alone (`front_layers: last` is the release's; a frozen front needs the
lower ones), and weights that only pretraining needs are left out. Parameters: 315,884,962 with the
defaults, 447,242 of them behind the front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.detectors.layers.residual import BLOCKS, residual_channels, residual_encoder
from models.detectors.layers.spectro_temporal import GRAPH_BLOCKS, GraphDetector, GraphSizes
from models.detectors.maps import MapLayer
from models.detectors.options import whole_number
from models.detectors.self_supervised.front import FrontOptions, SslFront
from models.detectors.self_supervised.networks import FRAME, HOP
from models.detectors.self_supervised.weights import take_pretrained

POOLING = 3  # of rows and time of the map


class SslAasist(GraphDetector):
    """Features of a self-supervised network, encoded and read by two graphs.

    Args (all of them options in params.yaml):
        front, front_sizes, front_layers, front_tuned, front_dropout: see `FrontOptions`.
        rows: of the map that the front's features become.
        widths: channels of the six residual blocks; the last one repeats where fewer are given.
        graph_dims, pool_ratios, temperatures, attention_dropout, pool_dropout, branch_dropout,
            readout_dropout: as those of `Aasist`.
    """

    def __init__(
        self,
        *,
        front: str = "xlsr-300m",
        front_sizes: Mapping[str, int] | None = None,
        front_layers: str = "weighted",
        front_tuned: int | str = "all",
        front_dropout: float = 0.0,
        rows: int = 128,
        widths: Sequence[int] = (32, 32, 64, 64),
        graph_dims: Sequence[int] = (64, 32),
        pool_ratios: Sequence[float] = (0.5, 0.5, 0.5),
        temperatures: Sequence[float] = (2.0, 2.0, 100.0),
        attention_dropout: float = 0.2,
        pool_dropout: float = 0.3,
        branch_dropout: float = 0.2,
        readout_dropout: float = 0.5,
    ) -> None:
        super().__init__()
        channels = residual_channels(widths)
        features = channels[-1]
        bands = whole_number("rows", rows, POOLING, 4096) // POOLING
        sizes = GraphSizes(
            graph_dims, pool_ratios, temperatures,
            attention_dropout, pool_dropout, branch_dropout, readout_dropout,
        )  # fmt: skip
        options = FrontOptions(front, front_sizes, front_layers, front_tuned, front_dropout)
        self.front = SslFront(options, rows)
        self.first_bn = nn.BatchNorm2d(1)
        self.encoder = residual_encoder(channels, pooled=False)
        self.first_bn1 = nn.BatchNorm2d(features)
        self.attention = nn.Sequential(
            nn.Conv2d(features, 2 * features, kernel_size=1),
            nn.SELU(inplace=True),
            nn.BatchNorm2d(2 * features),
            nn.Conv2d(2 * features, features, kernel_size=1),
        )
        self.add_graphs(features, bands, sizes)

    def depth_groups(self) -> Sequence[Sequence[str]]:
        """The blocks of the front, each residual block, and the graphs as in AASIST."""
        blocks: list[tuple[str, ...]] = [(f"encoder.{block}",) for block in range(BLOCKS)]
        blocks[-1] = (*blocks[-1], "first_bn1", "attention")
        blocks[0] = ("first_bn", *blocks[0])
        return [*self.front.blocks("front"), *blocks, *GRAPH_BLOCKS]

    def map_layer(self) -> MapLayer:
        """The encoder's map: three frames a column, and rows that are no frequencies."""
        hop = POOLING * HOP
        return MapLayer("encoder", hop, (FRAME - 1 + hop - HOP) / 2)

    @property
    def wants_pretrained(self) -> bool:
        """The front does."""
        return True

    def take_pretrained(self, source: str) -> None:
        """Give the front published weights, of a file, a folder or torchaudio."""
        take_pretrained(self.front, source)

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (batch, embedding_dim) and logits (batch, 2) of waveforms (batch, samples)."""
        maps = self._encode(waveforms)  # (batch, features, bands, time)
        scores = self.attention(maps)
        spectral = (maps * torch.softmax(scores, dim=3)).sum(dim=3).transpose(1, 2)
        temporal = (maps * torch.softmax(scores, dim=2)).sum(dim=2).transpose(1, 2)
        return self.read_out(spectral, temporal)

    def _encode(self, waveforms: Tensor) -> Tensor:
        """Maps of waveforms; 64,600 samples give 42 bands × 67."""
        features = self.front(waveforms)[:, None]  # (batch, 1, rows, frames)
        maps = functional.selu(self.first_bn(functional.max_pool2d(features, POOLING)))
        return functional.selu(self.first_bn1(self.encoder(maps)))
