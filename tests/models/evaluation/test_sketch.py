"""Sketches are stored: they must never change."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluation.sketch import SKETCH_COLUMNS, SKETCH_SIZE, embedding_sketch

FIRST_THREE = [0.345408984174, -0.566336609545, 0.343671539476]


def test_a_sketch_made_today_is_the_sketch_of_every_release() -> None:
    sketch = embedding_sketch(np.linspace(-1, 1, 160))

    assert len(sketch) == SKETCH_SIZE == len(SKETCH_COLUMNS)
    assert sketch[:3] == pytest.approx(FIRST_THREE, abs=1e-9)


def test_distances_between_embeddings_survive_roughly() -> None:
    embeddings = np.random.RandomState(0).standard_normal((40, 160))
    sketches = np.array([embedding_sketch(row) for row in embeddings])

    true = np.linalg.norm(embeddings[:20] - embeddings[20:], axis=1)
    distances = np.linalg.norm(sketches[:20] - sketches[20:], axis=1) * np.sqrt(160 / SKETCH_SIZE)
    assert np.median(distances / true) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("embedding", [np.zeros((2, 160)), np.zeros(0)])
def test_what_is_not_one_embedding_is_refused(embedding: np.ndarray) -> None:
    with pytest.raises(ValueError, match="one embedding"):
        embedding_sketch(embedding)
