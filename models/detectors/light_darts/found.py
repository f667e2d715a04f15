"""The genotype that `light-darts` has by default."""

from __future__ import annotations

from typing import Any

GENOTYPE: dict[str, Any] = {
    "normal": [[["sep-conv-3", 0], ["skip", 1]]],
    "reduction": [[["max-pool-3", 0], ["skip", 1]]],
}
