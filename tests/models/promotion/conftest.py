"""Pairs of detectors on the same trials, with as much difference as a test asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.evaluation.scores import Scores
from models.promotion import Pair

MakePair = Callable[..., Pair]


def scores_of(
    values: np.ndarray[Any, np.dtype[np.float64]],
    attacks: tuple[str | None, ...],
    prefix: str = "u",
    per_speaker: int = 10,
) -> Scores:
    names = tuple(f"{prefix}{row}" for row in range(values.size))
    return Scores(
        names,
        attacks,
        values,
        tuple(f"{prefix}s{row // per_speaker}" for row in range(values.size)),
    )


@pytest.fixture
def make_pair() -> MakePair:
    """Both on `count` trials of speakers with 10 each, half of them spoofs by A1 and A2 in turn."""

    def make(
        gain: float = 0.0,
        count: int = 1_200,
        prefix: str = "u",
        seed: int = 1,
        noise: float = 0.4,
        per_speaker: int = 10,
        hurt: dict[str, float] | None = None,
    ) -> Pair:
        random = np.random.default_rng(seed)
        bonafide = np.arange(count) % 2 == 0
        attacks = tuple(
            None if real else f"A{1 + row // 2 % 2}" for row, real in enumerate(bonafide)
        )
        shared = random.normal(size=count) + 3.0 * bonafide
        before = shared + noise * random.normal(size=count)
        after = shared + noise * random.normal(size=count) + gain * bonafide
        for attack, shift in (hurt or {}).items():
            after += shift * np.array([name == attack for name in attacks])
        champion = scores_of(before, attacks, prefix, per_speaker)
        return Pair(replace(champion, cm_scores=after), champion)

    return make
