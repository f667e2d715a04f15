"""The network of the search: every edge computes every operation, weighted by learnt alphas.

DARTS (arXiv 1806.09055, eq. 2): an edge gives the mean of all candidates weighed by the softmax of
its row of alphas. One table of alphas serves all cells of a kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from models.detectors.light_darts.detector import CellDetector, build_front
from models.detectors.light_darts.genotype import INPUTS, KINDS, NAMES, Edge, Genotype, Wiring
from models.detectors.light_darts.network import Cell, CellPlace, CellRow, added
from models.detectors.light_darts.operations import OPERATIONS
from models.detectors.self_supervised.front import FRONT_OPTIONS, FrontOptions

KEPT = 2  # edges into a node that a genotype keeps
_NONE = len(NAMES)  # the last column of alphas: that the edge says nothing


class MixedCell(Cell):
    """A cell in which each node takes all inputs and earlier nodes, through all operations."""

    def __init__(self, place: CellPlace, nodes: int, alphas: nn.Parameter) -> None:
        super().__init__(place, nodes)
        self.alphas = alphas
        self.edges = nn.ModuleList(
            OPERATIONS[name](place.channels, place.stride(source), False)
            for node in range(nodes)
            for source in range(INPUTS + node)
            for name in NAMES
        )

    def node(self, node: int, states: Sequence[Tensor]) -> Tensor:
        """The sum of mixed edges."""
        shares = torch.softmax(self.alphas, dim=1)
        return added(
            [
                self._mixed(edge, shares[edge], states[source])
                for source, edge in enumerate(edges_into(node))
            ]
        )

    def _mixed(self, edge: int, shares: Tensor, state: Tensor) -> Tensor:
        """Nothing has no part in the sum, but takes its share from the others."""
        first = edge * len(NAMES)
        return added(
            [shares[place] * self.edges[first + place](state) for place in range(len(NAMES))]
        )


class SuperNet(CellDetector):
    """A detector that learns its genotype: `alphas` are apart from all other weights."""

    def __init__(
        self, front: nn.Module, *, cells: int, channels: int, nodes: int, readout_dropout: float
    ) -> None:
        edges = sum(len(edges_into(node)) for node in range(nodes))
        alphas = {kind: nn.Parameter(1e-3 * torch.randn(edges, _NONE + 1)) for kind in KINDS}
        row = CellRow(
            cells, channels, nodes, lambda place: MixedCell(place, nodes, alphas[place.kind])
        )
        super().__init__(front, row, readout_dropout)
        self.alphas = nn.ParameterDict(alphas)
        self.nodes = nodes

    def weights(self) -> list[nn.Parameter]:
        """Everything that learns but the alphas."""
        alphas = {id(alpha) for alpha in self.alphas.values()}
        return [w for w in self.parameters() if w.requires_grad and id(w) not in alphas]

    def genotype(self) -> Genotype:
        """The strongest operation on the two strongest edges into each node (§2.3)."""
        return Genotype(*(_strongest(self.alphas[kind], self.nodes) for kind in KINDS))

    def decidedness(self) -> float:
        """0 where all operations weigh the same, 1 where each edge has chosen one."""
        tables = [torch.log_softmax(alpha.detach(), dim=1) for alpha in self.alphas.values()]
        entropy = torch.cat([-(table.exp() * table).sum(dim=1) for table in tables]).mean()
        return 1.0 - float(entropy) / float(torch.tensor(_NONE + 1.0).log())


def supernet_like(options: Mapping[str, Any], *, cells: int, channels: int, nodes: int) -> SuperNet:
    """A supernet with the front end of `light-darts`; all options are given."""
    front = FrontOptions(*(options[name] for name in FRONT_OPTIONS))
    hearing = build_front(options["features"], options["feature_options"], front, options["rows"])
    dropout = options["readout_dropout"]
    return SuperNet(hearing, cells=cells, channels=channels, nodes=nodes, readout_dropout=dropout)


def edges_into(node: int) -> range:
    """Rows of the alphas that belong to a node, in the order of its inputs."""
    first = sum(INPUTS + earlier for earlier in range(node))
    return range(first, first + INPUTS + node)


def _strongest(alphas: Tensor, nodes: int) -> Wiring:
    shares = torch.softmax(alphas.detach(), dim=1)[:, :_NONE]
    best = shares.max(dim=1)

    def edges(node: int) -> Iterator[Edge]:
        rows = list(edges_into(node))
        chosen = sorted(rows, key=lambda row: -float(best.values[row]))[:KEPT]
        for row in sorted(chosen):
            yield NAMES[int(best.indices[row])], row - rows[0]

    return tuple(tuple(edges(node)) for node in range(nodes))
