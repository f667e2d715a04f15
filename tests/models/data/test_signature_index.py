from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.audio.fingerprint import BITS, Words
from models.data import signature_index
from models.data.signature_index import SHORTLIST, SignatureIndex


def voices(rng: np.random.Generator, count: int) -> list[Words]:
    """Random fingerprints; how often a bit is set differs from band to band and from one to one."""
    chances = rng.uniform(0.2, 0.8, size=(count, 1, BITS))
    return _packed(rng.random((count, 120, BITS)) < chances)


def with_errors(words: list[Words], rate: float, rng: np.random.Generator) -> list[Words]:
    flips = _packed(rng.random((len(words), 120, BITS)) < rate)
    return [one ^ flip for one, flip in zip(words, flips, strict=True)]


def _packed(bits: NDArray[np.bool_]) -> list[Words]:
    return list((bits.astype(np.uint32) << np.arange(BITS, dtype=np.uint32)).sum(2, np.uint32))


@pytest.mark.parametrize("exhaustive", [40_000, 2_000], ids=["one by one", "by cells"])
def test_copies_are_among_the_likest_of_many(
    exhaustive: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signature_index, "_EXHAUSTIVE", exhaustive)
    monkeypatch.setattr(signature_index, "_CELLS", 64)
    rng = np.random.default_rng(2)
    others = voices(rng, 3_000)
    copies = with_errors(others[:60], 0.2, rng)
    shortlists = list(SignatureIndex(others, copies).nearest(copies))
    assert all(len(shortlist) <= SHORTLIST for shortlist in shortlists)
    assert [int(shortlist[0]) for shortlist in shortlists] == list(range(60))


def test_one_fingerprint_on_each_side_is_enough() -> None:
    one, other = voices(np.random.default_rng(3), 2)
    assert [list(rows) for rows in SignatureIndex([one], [other]).nearest([other])] == [[0]]
    assert [list(rows) for rows in SignatureIndex([one], [one]).nearest([one])] == [[0]]
