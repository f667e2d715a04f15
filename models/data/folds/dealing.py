"""Which attacks are held out with which sources: of many draws, the one that leaves most trials.

Attacks are rarely made for every source, so that a careless dealing holds out attacks and sources
that XX
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.folds.fold import Groups

DRAWS = 2_000
A_SOURCE = 20.0  # spoofs that another source in the cell of new attacks and sources is worth
AN_ATTACK = 4.0  # and another spoof of its rarest attack
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Dealing:
    """Group i of the attacks is held out together with group i of the sources."""

    attacks: Groups
    sources: Groups


@dataclass(frozen=True)
class Stock:
    """How many trials there are of which attack in which source."""

    attacks: Sequence[str]
    places: Sequence[Sequence[str]]  # sources that stay together
    spoofs: Counts  # (attacks, places)
    bonafide: Counts  # (places,)
    reserved: float  # share of a source's trials that are kept from training on the source


def deal(
    stock: Stock, folds: int, seed: int, attacks: Groups | None, sources: Groups | None
) -> Dealing:
    """Groups of even numbers of attacks and of places; those that are given stay as they are."""
    random = np.random.default_rng(seed)
    best, dealing = -1.0, Dealing(attacks or (), sources or ())
    for _ in range(1 if attacks and sources else DRAWS):
        by_attack = _rows(attacks, [(name,) for name in stock.attacks], folds, random)
        by_place = _rows(sources, stock.places, folds, random)
        worth = min(_counts(stock, by_attack, by_place))
        if worth > best:
            best = worth
            dealing = Dealing(
                attacks or [[stock.attacks[row] for row in rows] for rows in by_attack],
                sources
                or [[name for row in rows for name in stock.places[row]] for rows in by_place],
            )
    return dealing


def _rows(
    groups: Groups | None, names: Groups, folds: int, random: np.random.Generator
) -> list[list[int]]:
    """For each fold the rows of `names` in it; a row goes where its first name is."""
    if groups:
        return [[row for row, some in enumerate(names) if some[0] in group] for group in groups]
    order = random.permutation(len(names))
    return [sorted(order[number::folds].tolist()) for number in range(folds)]


def _counts(
    stock: Stock, attacks: Sequence[Sequence[int]], places: Sequence[Sequence[int]]
) -> Iterator[float]:
    """What each part of each fold has of either class, of sources and of the rarest attack."""
    folds = len(attacks)
    for number in range(folds):
        following = (number + 1) % folds
        held = attacks[number], places[number]
        dev = attacks[following], places[following]
        rest = [
            [row for other, rows in enumerate(groups) if other not in (number, following)
             for row in rows]
            for groups in (attacks, places)
        ]  # fmt: skip
        for some, where, share in (
            (held[0], held[1], 1.0),
            (dev[0], dev[1], 1.0),
            (held[0], rest[1], stock.reserved),
            (rest[0], held[1], 1.0),
            (rest[0], rest[1], stock.reserved),
        ):
            block = stock.spoofs[np.ix_(some, where)]
            yield share * float(block.sum())
            yield share * float(stock.bonafide[where][block.sum(axis=0) > 0].sum())
        met = stock.spoofs[np.ix_(held[0], held[1])]
        yield A_SOURCE * float((met.sum(axis=0) > 0).sum())
        yield AN_ATTACK * float(met.sum(axis=1).min(initial=stock.spoofs.sum()))
