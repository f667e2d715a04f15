"""An embedding as a few numbers that fit into a row of the score log.

A random projection keeps distances between embeddings in expectation (Johnson and Lindenstrauss
1984), and each of its axes is one slice of the distribution, so that drift can be measured
without storing the embedding.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

SKETCH_SIZE = 16
SKETCH_COLUMNS = tuple(f"e{axis:02d}" for axis in range(SKETCH_SIZE))
_SEED = 1984  # stored sketches depend on it: never change


def embedding_sketch(embedding: ArrayLike) -> list[float]:
    """The 16 coordinates of an embedding (d,) under a projection that depends on d alone."""
    vector = np.asarray(embedding, dtype=np.float64)
    if vector.ndim != 1 or vector.size == 0:
        raise ValueError(f"one embedding (d,) expected, found shape {vector.shape}")
    return [float(value) for value in _projection(vector.size) @ vector]


@lru_cache(maxsize=8)
def _projection(size: int) -> NDArray[np.float64]:
    """Gaussian directions (16, d), each of length 1 on average."""
    # RandomState's stream is frozen; that of numpy's newer generators may change with a release
    directions = np.random.RandomState(_SEED).standard_normal((SKETCH_SIZE, size))
    return np.asarray(directions / np.sqrt(size))
