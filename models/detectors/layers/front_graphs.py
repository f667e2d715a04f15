"""The back end of AASIST behind a front that makes features of speech (arXiv 2202.12233).

Sizes, and names of modules, are those of the official release.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.detectors.layers.residual import BLOCKS, residual_channels, residual_encoder
from models.detectors.layers.spectro_temporal import GRAPH_BLOCKS, GraphDetector, GraphSizes
from models.detectors.maps import MapLayer
from models.detectors.options import whole_number

POOLING = 3  # of rows and time of the map


class FrontGraphDetector(GraphDetector):
    """A detector whose front gives a map (batch, rows, frames), read by two graphs.

    A subclass makes the map, and calls `add_reader` after it has built its front.
    """

    def add_reader(self, rows: int, widths: Sequence[int], sizes: GraphSizes) -> None:
        """Build everything behind a front of so many rows; raises InputError for an option.

        widths: channels of the six residual blocks; the last one repeats where fewer are given.
        """
        channels = residual_channels(widths)
        features = channels[-1]
        bands = whole_number("rows", rows, POOLING, 4096) // POOLING
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

    def reader_groups(self) -> Sequence[tuple[str, ...]]:
        """Blocks of weights behind the front: each residual block, and the graphs as in AASIST."""
        blocks: list[tuple[str, ...]] = [(f"encoder.{block}",) for block in range(BLOCKS)]
        blocks[-1] = (*blocks[-1], "first_bn1", "attention")
        blocks[0] = ("first_bn", *blocks[0])
        return [*blocks, *GRAPH_BLOCKS]

    def reader_map(self, hop: int, first: float) -> MapLayer:
        """The encoder's map, whose rows are no frequencies and whose columns are three frames.

        Frames of the front are `hop` samples apart; the first has its middle at sample `first`.
        """
        return MapLayer("encoder", POOLING * hop, first + (POOLING - 1) / 2 * hop)

    def read_map(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding and logits of features (batch, rows, frames).

        202 frames of 128 rows become 42 bands × 67.
        """
        pooled = functional.max_pool2d(features[:, None], POOLING)
        maps = self.encoder(functional.selu(self.first_bn(pooled)))
        maps = functional.selu(self.first_bn1(maps))  # (batch, features, bands, time)
        scores = self.attention(maps)
        spectral = (maps * torch.softmax(scores, dim=3)).sum(dim=3).transpose(1, 2)
        temporal = (maps * torch.softmax(scores, dim=2)).sum(dim=2).transpose(1, 2)
        return self.read_out(spectral, temporal)
