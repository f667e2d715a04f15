"""RawGAT-ST: spectro-temporal graph attention on raw waveforms (arXiv 2107.12710).

Faithful to the official release, whose checkpoint of the multiplying variant loads as it is: names
of modules and parameters are theirs. Parameters: 440,810 with the defaults, 445,546 with
`fusion: concat`; the paper says 0.44 M. As published, two encoders of the same shape hear the
waveform, one for each graph.

The release hears 64,600 samples and nothing else, because the linear map over temporal nodes has
a weight for each rank. Here it takes any number of nodes (see `RankProjection`); at 64,600 samples
it is the published one. The release scores by the bona fide logit alone, antiphon by the difference
of both, as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.detectors.detector import MIN_SAMPLES, Detector
from models.detectors.layers.graph import GraphAttention, GraphPool
from models.detectors.layers.rank_projection import RankProjection
from models.detectors.layers.rawgat_block import rawgat_encoder
from models.detectors.layers.residual import BLOCKS, residual_channels
from models.detectors.layers.sinc import SincFilters
from models.detectors.maps import MapLayer
from models.detectors.options import choice, number, several, whole_number
from models.errors import InputError

POOLING = 3  # of bands and time after the filters, and of time after each block
TEMPERATURE = 1.0  # of attention: AASIST has others

# how two graphs of as many nodes (batch, nodes, features) become one, by the paper's names
FUSIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": torch.add,
    "mul": torch.mul,
    "concat": lambda spectral, temporal: torch.cat([spectral, temporal], dim=2),
}


class RawGatSt(Detector):
    """A graph over bands and one over time, each pooled and projected, fused to a third.

    Args (all of them options in params.yaml):
        fusion: add | mul | concat; concat doubles the features of the fused graph, as published.
        samples: of the waveform whose temporal nodes have one weight each in the projection.
        sinc_filters, sinc_length: band-pass filters and their samples.
        widths: channels of the six residual blocks; the last one repeats where fewer are given.
        graph_dims: features of nodes within one graph, and in the fused graph.
        pool_ratios: share of nodes kept of the spectral, the temporal and the fused graph.
        fused_nodes: nodes that both graphs are projected to.
        attention_dropout, pool_dropout: in training, as published.
        frequency_mask: in training, fewer than this many neighbouring filters fall silent; 14 as
            published, 0 for none.
    """

    def __init__(
        self,
        *,
        fusion: str = "mul",
        samples: int = 64_600,
        sinc_filters: int = 70,
        sinc_length: int = 129,
        widths: Sequence[int] = (32, 32, 64),
        graph_dims: Sequence[int] = (32, 16),
        pool_ratios: Sequence[float] = (0.64, 0.81, 0.64),
        fused_nodes: int = 12,
        attention_dropout: float = 0.2,
        pool_dropout: float = 0.3,
        frequency_mask: int = 14,
    ) -> None:
        super().__init__()
        self.fuse = FUSIONS[choice("fusion", fusion, FUSIONS)]
        channels = residual_channels(widths)
        bands, times = _nodes(sinc_filters, sinc_length, samples)
        masked = whole_number("frequency_mask", frequency_mask, 0, sinc_filters)
        before, dims = _graph_features(channels[-1], graph_dims, 2 if fusion == "concat" else 1)
        nodes = whole_number("fused_nodes", fused_nodes, 1, 4096)
        self.conv_time = SincFilters(sinc_filters, sinc_length, masked)
        self.first_bn = nn.BatchNorm2d(1)
        self.encoder1, self.encoder2 = rawgat_encoder(channels), rawgat_encoder(channels)
        dropout = number("attention_dropout", attention_dropout, 0.0, 1.0)
        self.GAT_layer1, self.GAT_layer2, self.GAT_layer3 = (
            GraphAttention(inner, dim, TEMPERATURE, dropout)
            for inner, dim in zip(before, dims, strict=True)
        )
        ratios, dropout = _ratios(pool_ratios), number("pool_dropout", pool_dropout, 0.0, 1.0)
        self.pool1, self.pool2, self.pool3 = (
            GraphPool(dim, ratio, dropout) for dim, ratio in zip(dims, ratios, strict=True)
        )
        self.proj1 = RankProjection(_node_count(self.pool1, bands), nodes)
        self.proj2 = RankProjection(_node_count(self.pool2, times), nodes)
        self.proj = nn.Linear(dims[-1], 1)
        self.proj_node = nn.Linear(_node_count(self.pool3, nodes), 2)

    @property
    def embedding_dim(self) -> int:
        """Features of all kept nodes of the fused graph, side by side."""
        return self.proj_node.in_features * self.proj.in_features

    def depth_groups(self) -> Sequence[Sequence[str]]:
        """The filters, each residual block of both encoders, the graphs, the fused, the readout."""
        return [
            ("conv_time", "first_bn"),
            *((f"encoder1.{block}", f"encoder2.{block}") for block in range(BLOCKS)),
            ("GAT_layer1", "GAT_layer2", "pool1", "pool2", "proj1", "proj2"),
            ("GAT_layer3", "pool3"),
            ("proj", "proj_node"),
        ]

    def map_layer(self) -> MapLayer:
        """The map of the spectral encoder: three filters a row, 3⁷ samples a column."""
        return self.conv_time.map_behind("encoder1", POOLING, BLOCKS + 1)

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (batch, embedding_dim) and logits (batch, 2) of waveforms (batch, samples).

        The embedding is what the two last linear maps read: kept nodes by rank, with all features.
        """
        maps = self._hear(waveforms)
        spectral = self.encoder1(maps).abs().amax(dim=3).transpose(1, 2)  # (batch, bands, features)
        temporal = self.encoder2(maps).abs().amax(dim=2).transpose(1, 2)  # (batch, time, features)
        spectral = self.proj1(self.pool1(self.GAT_layer1(spectral)))
        temporal = self.proj2(self.pool2(self.GAT_layer2(temporal)))
        fused = self.pool3(self.GAT_layer3(self.fuse(spectral, temporal)))
        logits = self.proj_node(self.proj(fused).flatten(1))
        return fused.flatten(1), logits

    def _hear(self, waveforms: Tensor) -> Tensor:
        """Maps (batch, 1, bands, time) of waveforms; 64,600 samples give 23 bands × 21,490."""
        bands = self.conv_time(waveforms).abs()[:, None]
        return functional.selu(self.first_bn(functional.max_pool2d(bands, POOLING)))


def _node_count(pool: GraphPool, nodes: int) -> int:
    """How many of the nodes a pooling keeps."""
    return max(1, nodes * pool.ratio.numerator // pool.ratio.denominator)


def _nodes(sinc_filters: int, sinc_length: int, samples: int) -> tuple[int, int]:
    """Nodes of the spectral and of the temporal graph of a waveform (samples,)."""
    bands = whole_number("sinc_filters", sinc_filters, 2 * POOLING, 1024) // POOLING
    if whole_number("sinc_length", sinc_length, 3, 4097) % 2 == 0:
        raise InputError(f"option sinc_length: an odd number expected, found {sinc_length}")
    whole_number("samples", samples, MIN_SAMPLES, 16_000_000)
    return bands, (samples - sinc_length + 1) // POOLING ** (BLOCKS + 1)


def _graph_features(channels: int, graph_dims: Any, sides: int) -> tuple[list[int], list[int]]:
    """Features of a node before and after the attention of each of the three graphs.

    `sides` is 2 where the fused graph has the features of both others side by side.
    """
    within, after = (
        whole_number("graph_dims", dim, 1, 4096) for dim in several("graph_dims", graph_dims, 2, 2)
    )
    return [channels, channels, sides * within], [within, within, sides * after]


def _ratios(pool_ratios: Any) -> list[float]:
    return [
        number("pool_ratios", ratio, 0.01, 1.0)
        for ratio in several("pool_ratios", pool_ratios, 3, 3)
    ]
