"""Which attacks are held out with which sources: of many draws, the one that leaves most trials.

Attacks are rarely made for every source, so that a careless dealing holds out attacks and sources
that XX
"""

from __future__ import annotations

from collections.abc import Sequence
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
    copies: Counts  # (attacks, places), of the spoofs those that go with their recording
    bonafide: Counts  # (places,)
    reserved: float  # share of a source's trials that are kept from training on the source


def deal(
    stock: Stock, folds: int, seed: int, attacks: Groups | None, sources: Groups | None
) -> Dealing:
    """Groups of even numbers of attacks and of places; those that are given stay as they are."""
    random = np.random.default_rng(seed)
    best, dealing = -1.0, Dealing(attacks or (), sources or ())
    for _ in range(1 if attacks and sources else DRAWS):
        by_attack = _members(attacks, [(name,) for name in stock.attacks], folds, random)
        by_place = _members(sources, stock.places, folds, random)
        worth = _worth(stock, by_attack, by_place)
        if worth > best:
            best = worth
            dealing = Dealing(
                attacks or _names(by_attack, [(name,) for name in stock.attacks]),
                sources or _names(by_place, stock.places),
            )
    return dealing


def _members(
    groups: Groups | None, names: Groups, folds: int, random: np.random.Generator
) -> Counts:
    """Which names are in the group of which fold (folds, names), 0 or 1."""
    if groups:
        return np.array([[int(some[0] in group) for some in names] for group in groups])
    members = np.zeros((folds, len(names)), dtype=np.int64)
    order = random.permutation(len(names))
    members[np.arange(len(names)) % folds, order] = 1
    return members


def _names(members: Counts, names: Groups) -> Groups:
    rows = [np.flatnonzero(line).tolist() for line in members]
    return [[name for row in line for name in names[row]] for line in rows]


def _worth(stock: Stock, attacks: Counts, places: Counts) -> float:
    """The least that any part of any fold has of either class, of sources, of a held-out attack."""
    dev = np.roll(attacks, -1, axis=0), np.roll(places, -1, axis=0)
    rest = 1 - attacks - dev[0], 1 - places - dev[1]
    kept = stock.spoofs - (1 - stock.reserved) * stock.copies
    least = np.inf
    for some, where, spoofs, share in (
        (attacks, places, stock.spoofs, 1.0),
        (*dev, stock.spoofs, 1.0),
        (attacks, rest[1], kept, stock.reserved),
        (rest[0], places, stock.spoofs, 1.0),
        (*rest, stock.reserved * stock.spoofs, stock.reserved),
    ):
        inside = (some @ spoofs) * where  # (folds, places)
        bonafide = share * ((inside > 0) * stock.bonafide).sum(axis=1)
        least = min(least, inside.sum(axis=1).min(), bonafide.min())
    met = (attacks @ stock.spoofs) * places > 0
    by_attack = np.where(attacks > 0, places @ stock.spoofs.T, stock.spoofs.sum())
    return float(min(least, A_SOURCE * met.sum(axis=1).min(), AN_ATTACK * by_attack.min()))
