"""The result of a search: the operations between the nodes of both kinds of cells.

As it is written in params.yaml and in a detector's manifest, each node hears two earlier ones:

    normal:
    - [[sep-conv-3, 0], [skip, 1]]         # node 2 hears the cells before the last and the last
    - [[dil-conv-5, 2], [max-pool-3, 0]]   # node 3 hears node 2, and the cell before the last
    reduction:
    - …
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.errors import InputError

INPUTS = 2  # of a cell: what the cell before the last said, and the last
# what an edge may compute, by the names of `operations.OPERATIONS`
NAMES = (
    "skip", "max-pool-3", "avg-pool-3", "sep-conv-3", "sep-conv-5", "dil-conv-3", "dil-conv-5",
)  # fmt: skip
KINDS = ("normal", "reduction")

Edge = tuple[str, int]  # an operation, and which input or earlier node it is of
Wiring = tuple[tuple[Edge, ...], ...]  # the edges into each node of a cell


@dataclass(frozen=True)
class Genotype:
    """The wiring of normal cells, which keep the size of a map, and of reduction cells."""

    normal: Wiring
    reduction: Wiring

    @classmethod
    def read(cls, document: Any) -> Genotype:
        """Of mappings and lists; raises InputError naming the entry that is wrong."""
        if not isinstance(document, Mapping) or set(document) != set(KINDS):
            raise InputError(f"option genotype: {' and '.join(KINDS)} expected, found {document!r}")
        normal, reduction = (_wiring(document[kind], f"genotype.{kind}") for kind in KINDS)
        if len(normal) != len(reduction):
            raise InputError(
                "option genotype: as many nodes in normal as in reduction cells expected, found "
                f"{len(normal)} and {len(reduction)}"
            )
        return cls(normal, reduction)

    def written(self) -> dict[str, Any]:
        """As mappings and lists, for YAML and JSON."""
        return {
            kind: [[list(edge) for edge in node] for node in getattr(self, kind)] for kind in KINDS
        }

    @property
    def nodes(self) -> int:
        """Of each cell, besides its inputs."""
        return len(self.normal)


def _wiring(document: Any, place: str) -> Wiring:
    if not _is_list(document) or not document:
        raise InputError(f"option {place}: a list of nodes expected, found {document!r}")
    return tuple(_node(node, f"{place}[{i}]", INPUTS + i) for i, node in enumerate(document))


def _node(document: Any, place: str, earlier: int) -> tuple[Edge, ...]:
    if not _is_list(document) or not document:
        raise InputError(
            f"option {place}: a list of [operation, input] expected, found {document!r}"
        )
    return tuple(_edge(edge, place, earlier) for edge in document)


def _edge(document: Any, place: str, earlier: int) -> Edge:
    if not _is_list(document) or len(document) != 2:
        raise InputError(f"option {place}: [operation, input] expected, found {document!r}")
    name, source = document
    if name not in NAMES:
        raise InputError(f"option {place}: one of {', '.join(NAMES)} expected, found {name!r}")
    if not isinstance(source, int) or isinstance(source, bool) or not 0 <= source < earlier:
        raise InputError(
            f"option {place}: an input from 0 to {earlier - 1} expected, found {source!r}"
        )
    return name, source


def _is_list(document: Any) -> bool:
    return isinstance(document, Sequence) and not isinstance(document, str)
