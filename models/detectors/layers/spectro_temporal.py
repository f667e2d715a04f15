"""The back end of AASIST: a spectral and a temporal graph, joined in two ways (arXiv 2110.01200).

Shared by detectors that hear by another front. The names of modules and parameters are those of
the official releases of AASIST and of its self-supervised sibling (arXiv 2202.12233).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.detectors.detector import Detector
from models.detectors.layers.graph import GraphAttention, GraphPool, HeterogeneousAttention
from models.detectors.options import number, several, whole_number

# blocks of weights behind the encoder, from the graphs to the logits
GRAPH_BLOCKS: tuple[tuple[str, ...], ...] = (
    ("pos_S", "GAT_layer_S", "GAT_layer_T", "pool_S", "pool_T"),
    (
        "HtrgGAT_layer_ST11", "HtrgGAT_layer_ST12", "HtrgGAT_layer_ST21", "HtrgGAT_layer_ST22",
        "pool_hS1", "pool_hT1", "pool_hS2", "pool_hT2", "master1", "master2",
    ),
    ("out_layer",),
)  # fmt: skip


@dataclass(frozen=True)
class GraphSizes:
    """Options of the back end; raises InputError naming the one that is wrong.

    Each triple is of the spectral, the temporal and the joined graphs.
    """

    graph_dims: Sequence[int]  # features of nodes within one graph, and in the joined graph
    pool_ratios: Sequence[float]  # share of nodes kept
    temperatures: Sequence[float]  # of attention
    attention_dropout: float
    pool_dropout: float
    branch_dropout: float
    readout_dropout: float

    def __post_init__(self) -> None:
        """Check every option."""
        for dim in several("graph_dims", self.graph_dims, 2, 2):
            whole_number("graph_dims", dim, 1, 4096)
        for ratio in several("pool_ratios", self.pool_ratios, 3, 3):
            number("pool_ratios", ratio, 0.01, 1.0)
        for temperature in several("temperatures", self.temperatures, 3, 3):
            number("temperatures", temperature, 1e-3, 1e6)
        for name in ("attention_dropout", "pool_dropout", "branch_dropout", "readout_dropout"):
            number(name, getattr(self, name), 0.0, 1.0)


class GraphDetector(Detector):
    """A detector that ends in the two graphs; a subclass makes their input from a waveform."""

    def add_graphs(self, features: int, bands: int, sizes: GraphSizes) -> None:
        """Build the back end over maps of `features` channels and `bands` rows."""
        within, joined = sizes.graph_dims
        spectral_ratio, temporal_ratio, joined_ratio = sizes.pool_ratios
        spectral_temperature, temporal_temperature, joined_temperature = sizes.temperatures

        def attention(temperature: float) -> GraphAttention:
            return GraphAttention(features, within, temperature, sizes.attention_dropout)

        def joining(before: int) -> HeterogeneousAttention:
            dropout = sizes.attention_dropout
            return HeterogeneousAttention(before, joined, joined_temperature, dropout)

        def pool(dim: int, ratio: float) -> GraphPool:
            return GraphPool(dim, ratio, sizes.pool_dropout)

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
        self.drop_way = nn.Dropout(sizes.branch_dropout)
        self.drop = nn.Dropout(sizes.readout_dropout)
        self.out_layer = nn.Linear(5 * joined, 2)

    @property
    def embedding_dim(self) -> int:
        """Five readouts of the joined graph, side by side."""
        return self.out_layer.in_features

    def read_out(self, spectral: Tensor, temporal: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding and logits of spectral (batch, bands, features) and temporal nodes."""
        spectral = self.pool_S(self.GAT_layer_S(spectral + self.pos_S))
        temporal = self.pool_T(self.GAT_layer_T(temporal))
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
