"""`search` in params.yaml: how `antiphon search` looks for the cells of light-darts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class SearchParams:
    """How much is tried, and how fast weights and architecture learn; see models.search."""

    steps: int = 2_000
    warmup: float = 0.25
    architecture_from: Literal["dev", "train"] = "dev"
    order: Literal["first", "second"] = "first"
    cells: int = 4
    channels: int = 8
    nodes: int = 4
    learning_rate: float = 0.025
    final_learning_rate: float = 0.001
    momentum: float = 0.9
    weight_decay: float = 3e-4
    architecture_learning_rate: float = 3e-3
    architecture_weight_decay: float = 1e-3


# name of a parameter -> (lowest, highest) it may be
SEARCH_BOUNDS: dict[str, tuple[float, float]] = {
    "search.steps": (1, 10_000_000),
    "search.warmup": (0.0, 0.99),
    "search.cells": (1, 64),
    "search.channels": (1, 1_024),
    "search.nodes": (1, 8),
    "search.learning_rate": (0.0, 1.0),
    "search.final_learning_rate": (0.0, 1.0),
    "search.momentum": (0.0, 0.999),
    "search.weight_decay": (0.0, 1.0),
    "search.architecture_learning_rate": (0.0, 1.0),
    "search.architecture_weight_decay": (0.0, 1.0),
}
