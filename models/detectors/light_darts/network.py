"""Cells in a row: common to the supernet and the network of a genotype."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.detectors.light_darts.genotype import INPUTS, Genotype, Wiring
from models.detectors.light_darts.operations import OPERATIONS, light_conv, light_halving


@dataclass(frozen=True)
class CellPlace:
    """The input sizes and the stride of a cell in the row."""

    before_last: int  # channels that the cell before the last gives
    last: int  # channels that the last cell gives
    channels: int  # of each of its own nodes
    reduction: bool  # it halves its maps
    after_reduction: bool  # the last cell did

    @property
    def kind(self) -> str:
        """Which of the two wirings it has."""
        return "reduction" if self.reduction else "normal"

    def stride(self, source: int) -> int:
        """Of an edge from an input or an earlier node."""
        return 2 if self.reduction and source < INPUTS else 1


class Cell(nn.Module, ABC):
    """Maps of the last two cells -> the maps of all of its nodes, one behind the other."""

    def __init__(self, place: CellPlace, nodes: int) -> None:
        super().__init__()
        self.nodes = nodes
        fitting = light_halving if place.after_reduction else light_conv
        self.before_last = fitting(place.before_last, place.channels)
        self.last = light_conv(place.last, place.channels)

    def forward(self, before_last: Tensor, last: Tensor) -> Tensor:
        """(batch, nodes · channels, rows, time)."""
        states = [self.before_last(before_last), self.last(last)]
        for node in range(self.nodes):
            states.append(self.node(node, states))
        return torch.cat(states[INPUTS:], dim=1)

    @abstractmethod
    def node(self, node: int, states: Sequence[Tensor]) -> Tensor:
        """The output of a node, from the inputs and the nodes before it."""


class FoundCell(Cell):
    """A cell wired by a genotype."""

    def __init__(self, place: CellPlace, genotype: Genotype) -> None:
        super().__init__(place, genotype.nodes)
        self.wiring: Wiring = getattr(genotype, place.kind)
        self.edges = nn.ModuleList(
            OPERATIONS[name](place.channels, place.stride(source), True)
            for node in self.wiring
            for name, source in node
        )

    def node(self, node: int, states: Sequence[Tensor]) -> Tensor:
        """The sum of the node's edges."""
        earlier = sum(len(edges) for edges in self.wiring[:node])
        return added(
            [
                self.edges[earlier + edge](states[source])
                for edge, (_, source) in enumerate(self.wiring[node])
            ]
        )


class CellRow(nn.Module):
    """A map (batch, 1, rows, time) -> the mean (batch, width) of the last cell's output.

    After a third and two thirds of the cells comes one that halves its maps and has twice the
    channels, as in DARTS; a stem of stride 2 stands before the first.
    """

    def __init__(
        self, cells: int, channels: int, nodes: int, make: Callable[[CellPlace], Cell]
    ) -> None:
        super().__init__()
        self.stem = light_conv(1, channels, kernel=3, stride=2)
        self.cells = nn.ModuleList(make(place) for place in plan_row(cells, channels, nodes))
        self.width = nodes * channels * 2 ** len(_reductions(cells))

    def forward(self, maps: Tensor) -> Tensor:
        """Each cell reads the two before it; the first cell reads the stem twice."""
        before_last = last = self.stem(maps)
        for cell in self.cells:
            before_last, last = last, cell(before_last, last)
        mean: Tensor = last.mean(dim=(2, 3))
        return mean


def added(maps: Sequence[Tensor]) -> Tensor:
    """The sum of maps (batch, channels, rows, time), at least one."""
    first, *others = maps
    return sum(others, first)


def plan_row(cells: int, channels: int, nodes: int) -> Iterator[CellPlace]:
    """The place of each cell, behind a stem of `channels`."""
    before_last = last = channels
    after_reduction = False
    for cell in range(cells):
        reduction = cell in _reductions(cells)
        channels *= 2 if reduction else 1
        yield CellPlace(before_last, last, channels, reduction, after_reduction)
        before_last, last, after_reduction = last, nodes * channels, reduction


def _reductions(cells: int) -> set[int]:
    return {cells // 3, 2 * cells // 3}
