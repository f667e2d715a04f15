"""AASIST: integrated spectro-temporal graph attention on raw waveforms (arXiv 2110.01200).

Faithful to the official release, whose checkpoints load as they are: the names of modules and
parameters are theirs. Parameters: 297,866 with the defaults.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.detectors.detector import Detector
from models.detectors.graph import GraphAttention, GraphPool, HeterogeneousAttention
from models.detectors.maps import MapLayer, NodeLayer
from models.detectors.options import number, several, whole_number
from models.detectors.residual import ResidualBlock
from models.detectors.sinc import SincFilters, band_edges
from models.errors import InputError

BLOCKS = 6
POOLING = 3  # of bands and time after the filters, and of time after each block


class Aasist(Detector):
    """A residual encoder of the filtered waveform, two graphs over it, and two ways to join them.

    Args (all of them options in params.yaml):
        sinc_filters, sinc_length: band-pass filters and their samples.
        widths: channels of the six residual blocks; the last one repeats where fewer are given.
        graph_dims: features of nodes within one graph, and of nodes in the joined graph. The
            embedding has five times the latter: (128, 128) makes it 640.
        pool_ratios: share of nodes kept of the spectral, the temporal and the joined graphs.
        temperatures: of attention in the spectral, the temporal and the joined graphs.
        attention_dropout, pool_dropout, branch_dropout, readout_dropout: in training, as published.
        frequency_mask: in training, fewer than this many neighbouring filters fall silent
            (20 in the official release, where it was off); 0 for none.
    """

    def __init__(
        self,
        *,
        sinc_filters: int = 70,
        sinc_length: int = 129,
        widths: Sequence[int] = (32, 32, 64, 64),
        graph_dims: Sequence[int] = (64, 32),
        pool_ratios: Sequence[float] = (0.5, 0.7, 0.5),
        temperatures: Sequence[float] = (2.0, 2.0, 100.0),
        attention_dropout: float = 0.2,
        pool_dropout: float = 0.3,
        branch_dropout: float = 0.2,
        readout_dropout: float = 0.5,
        frequency_mask: int = 0,
    ) -> None:
        super().__init__()
        channels = _channels(widths)
        features = channels[-1]
        bands = whole_number("sinc_filters", sinc_filters, 2 * POOLING, 1024) // POOLING
        if whole_number("sinc_length", sinc_length, 3, 4097) % 2 == 0:
            raise InputError(f"option sinc_length: an odd number expected, found {sinc_length}")
        masked = whole_number("frequency_mask", frequency_mask, 0, sinc_filters)
        within, joined = (
            whole_number("graph_dims", dim, 1, 4096)
            for dim in several("graph_dims", graph_dims, 2, 2)
        )
        spectral_ratio, temporal_ratio, joined_ratio = (
            number("pool_ratios", ratio, 0.01, 1.0)
            for ratio in several("pool_ratios", pool_ratios, 3, 3)
        )
        spectral_temperature, temporal_temperature, joined_temperature = (
            number("temperatures", temperature, 1e-3, 1e6)
            for temperature in several("temperatures", temperatures, 3, 3)
        )

        attention_dropout = number("attention_dropout", attention_dropout, 0.0, 1.0)
        pool_dropout = number("pool_dropout", pool_dropout, 0.0, 1.0)
        branch_dropout = number("branch_dropout", branch_dropout, 0.0, 1.0)
        readout_dropout = number("readout_dropout", readout_dropout, 0.0, 1.0)

        def attention(temperature: float) -> GraphAttention:
            return GraphAttention(features, within, temperature, attention_dropout)

        def joining(before: int) -> HeterogeneousAttention:
            return HeterogeneousAttention(before, joined, joined_temperature, attention_dropout)

        def pool(dim: int, ratio: float) -> GraphPool:
            return GraphPool(dim, ratio, pool_dropout)

        self.conv_time = SincFilters(sinc_filters, sinc_length, masked)
        self.first_bn = nn.BatchNorm2d(1)
        self.encoder = nn.Sequential(
            *(
                nn.Sequential(ResidualBlock(before, after, first=i == 0))
                for i, (before, after) in enumerate(pairwise(channels))
            )
        )
        self.pos_S = nn.Parameter(torch.randn(1, bands, features))
        self.master1 = nn.Parameter(torch.randn(1, 1, within))
        self.master2 = nn.Parameter(torch.randn(1, 1, within))
        self.GAT_layer_S = attention(spectral_temperature)
        self.GAT_layer_T = attention(temporal_temperature)
        self.HtrgGAT_layer_ST11, self.HtrgGAT_layer_ST12 = joining(within), joining(joined)
        self.HtrgGAT_layer_ST21, self.HtrgGAT_layer_ST22 = joining(within), joining(joined)
        self.pool_S, self.pool_T = pool(within, spectral_ratio), pool(within, temporal_ratio)
        self.pool_hS1, self.pool_hT1 = pool(joined, joined_ratio), pool(joined, joined_ratio)
        self.pool_hS2, self.pool_hT2 = pool(joined, joined_ratio), pool(joined, joined_ratio)
        self.drop_way = nn.Dropout(branch_dropout)
        self.drop = nn.Dropout(readout_dropout)
        self.out_layer = nn.Linear(5 * joined, 2)

    @property
    def embedding_dim(self) -> int:
        """Five readouts of the joined graph, side by side."""
        return self.out_layer.in_features

    def depth_groups(self) -> Sequence[Sequence[str]]:
        """The filters, each residual block, the two graphs, the joined graph, the readout."""
        joined = (
            "HtrgGAT_layer_ST11", "HtrgGAT_layer_ST12", "HtrgGAT_layer_ST21", "HtrgGAT_layer_ST22",
            "pool_hS1", "pool_hT1", "pool_hS2", "pool_hT2", "master1", "master2",
        )  # fmt: skip
        return [
            ("conv_time", "first_bn"),
            *((f"encoder.{block}",) for block in range(BLOCKS)),
            ("pos_S", "GAT_layer_S", "GAT_layer_T", "pool_S", "pool_T"),
            joined,
            ("out_layer",),
        ]

    def map_layer(self) -> MapLayer:
        """The encoder's map: three filters a row, 3⁷ samples a column."""
        bank, _, length = self.conv_time.filters.shape
        edges = band_edges(bank)[: bank // POOLING * POOLING + 1 : POOLING]
        hop = POOLING ** (BLOCKS + 1)
        return MapLayer("encoder", hop, (length - 1 + hop) / 2, tuple(edges.tolist()))

    def node_layers(self) -> Sequence[NodeLayer]:
        """The spectral and the temporal graph."""
        return (
            NodeLayer("GAT_layer_S", "pool_S", "frequency"),
            NodeLayer("GAT_layer_T", "pool_T", "time"),
        )

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (batch, embedding_dim) and logits (batch, 2) of waveforms (batch, samples)."""
        spectral, temporal = self._graphs(self._encode(waveforms))
        temporal, spectral, master = self._join(spectral, temporal)
        embedding = torch.cat(
            [
                temporal.abs().amax(dim=1),
                temporal.mean(dim=1),
                spectral.abs().amax(dim=1),
                spectral.mean(dim=1),
                master.squeeze(1),
            ],
            dim=1,
        )
        embedding = self.drop(embedding)
        return embedding, self.out_layer(embedding)

    def _encode(self, waveforms: Tensor) -> Tensor:
        """Maps (batch, features, bands, time) of waveforms; 64,600 samples give 23 bands × 29."""
        bands = self.conv_time(waveforms).abs()[:, None]  # (batch, 1, filters, samples)
        maps: Tensor = self.encoder(
            functional.selu(self.first_bn(functional.max_pool2d(bands, POOLING)))
        )
        return maps

    def _graphs(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """The spectral and the temporal graph (batch, nodes, features), pooled."""
        magnitudes = maps.abs()
        spectral = magnitudes.amax(dim=3).transpose(1, 2) + self.pos_S
        temporal = magnitudes.amax(dim=2).transpose(1, 2)
        return self.pool_S(self.GAT_layer_S(spectral)), self.pool_T(self.GAT_layer_T(temporal))

    def _join(self, spectral: Tensor, temporal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Temporal, spectral and master nodes: of two branches, the larger in each place."""
        branches = (
            (self.master1, self.HtrgGAT_layer_ST11, self.pool_hT1, self.pool_hS1,
             self.HtrgGAT_layer_ST12),
            (self.master2, self.HtrgGAT_layer_ST21, self.pool_hT2, self.pool_hS2,
             self.HtrgGAT_layer_ST22),
        )  # fmt: skip
        one, two = (_branch(temporal, spectral, *branch) for branch in branches)
        drop = self.drop_way
        temporal, spectral, master = (
            torch.maximum(drop(a), drop(b)) for a, b in zip(one, two, strict=True)
        )
        return temporal, spectral, master


def _branch(
    temporal: Tensor,
    spectral: Tensor,
    master: Tensor,
    first: HeterogeneousAttention,
    pool_temporal: GraphPool,
    pool_spectral: GraphPool,
    second: HeterogeneousAttention,
) -> tuple[Tensor, Tensor, Tensor]:
    """Join the two graphs, keep the best nodes, and add what they gain by attending again."""
    temporal, spectral, master = first(temporal, spectral, master)
    temporal, spectral = pool_temporal(temporal), pool_spectral(spectral)
    more_temporal, more_spectral, more_master = second(temporal, spectral, master)
    return temporal + more_temporal, spectral + more_spectral, master + more_master


def _channels(widths: Sequence[int]) -> list[int]:
    """Channels before the first residual block and after each."""
    known = [
        whole_number("widths", width, 1, 4096) for width in several("widths", widths, 1, BLOCKS)
    ]
    return [1, *known, *[known[-1]] * (BLOCKS - len(known))]
