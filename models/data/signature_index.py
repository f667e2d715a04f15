"""Which fingerprints are worth laying over one another: an index of their signatures.

A signature has 4096 values, most of them the same for all speech. The principal components of a
sample of the signatures, each scaled by the fourth root of its variance, keep in 512 values what
tells recordings apart. An inverted file (faiss) of the first 128 of them finds a shortlist in the
cells nearest to a query, and all 512 put it in order.

Sivic & Zisserman, "Video Google" (ICCV 2003): the inverted file; Johnson, Douze & Jégou,
"Billion-scale similarity search with GPUs" (2017): faiss.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from models.audio.fingerprint import Words, signature

Floats = NDArray[np.float32]

SHORTLIST = 100  # fingerprints found for a query
_FINE, _COARSE = 512, 128  # values of a signature that are kept, and that are searched first
_SAMPLE = 4096  # signatures from which the components are computed
_EXHAUSTIVE = 40_000  # as many are searched one by one
_CELLS, _PROBED = 1024, 64  # of more than that
_AT_ONCE = 1024  # signatures of 16 KiB in memory


@dataclass(frozen=True)
class _Components:
    """What all signatures share, and the scaled axes along which they differ."""

    centre: Floats  # (4096,)
    axes: Floats  # (4096, kept)

    @classmethod
    def of(cls, words: Sequence[Words]) -> _Components:
        rows = np.random.default_rng(0).permutation(len(words))[:_SAMPLE]
        sample = np.stack([signature(words[row]) for row in rows])
        centre = sample.mean(axis=0)
        kept = min(_FINE, len(sample))
        _, scales, axes = randomized_svd(sample - centre, kept, random_state=0)
        distinct = scales > 1e-4 * scales[0]  # float32 knows no difference below
        return cls(centre, (axes[distinct].T / np.sqrt(scales[distinct])).astype(np.float32))

    def __call__(self, words: Sequence[Words]) -> Floats:
        """Vectors (fingerprints, kept) of norm 1."""
        signatures = np.stack([signature(one) for one in words])
        return _of_norm_1((signatures - self.centre) @ self.axes)


class SignatureIndex:
    """The signatures of many fingerprints, to find those most like another's.

    It takes 1.5 KiB for each fingerprint.
    """

    def __init__(self, words: Sequence[Words], queries: Sequence[Words]) -> None:
        """Index `words`; the components are also fitted to `queries`, which are not indexed."""
        self._components = _Components.of([*words, *queries])
        self._fine = np.concatenate(
            [self._components(part).astype(np.float16) for part in _parts(words)]
        )
        self._coarse = _inverted_file(_coarse(self._fine))

    def nearest(self, queries: Sequence[Words]) -> Iterator[NDArray[np.int64]]:
        """For each query the indices of the SHORTLIST (or fewer) most alike, the likest first."""
        for part in _parts(queries):
            vectors = self._components(part)
            count = min(SHORTLIST, len(self._fine))
            _, neighbours = self._coarse.search(_coarse(vectors), count)
            for vector, rows in zip(vectors, neighbours, strict=True):
                shortlist = rows[rows >= 0]  # cells may hold fewer
                likeness = self._fine[shortlist].astype(np.float32) @ vector
                yield shortlist[np.argsort(-likeness, kind="stable")]


def _parts(words: Sequence[Words]) -> Iterator[Sequence[Words]]:
    for start in range(0, len(words), _AT_ONCE):
        yield words[start : start + _AT_ONCE]


def _coarse(vectors: NDArray[Any]) -> Floats:
    return _of_norm_1(np.ascontiguousarray(vectors[:, :_COARSE], dtype=np.float32))


def _of_norm_1(vectors: NDArray[Any]) -> Floats:
    scaled: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return scaled


def _inverted_file(vectors: Floats) -> Any:
    """A faiss index of vectors (fingerprints, values) by inner product."""
    import faiss

    kind = "Flat" if len(vectors) <= _EXHAUSTIVE else f"IVF{_CELLS},Flat"
    index: Any = faiss.index_factory(vectors.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    if len(vectors) > _EXHAUSTIVE:
        index.train(vectors[np.random.default_rng(0).permutation(len(vectors))[: 40 * _CELLS]])
        index.nprobe = _PROBED
    index.add(vectors)
    return index
