"""Shapley values of a handful of players, exactly: every coalition is evaluated."""

from __future__ import annotations

from collections.abc import Callable
from math import factorial

import numpy as np
from numpy.typing import NDArray


def shapley_values(
    worth: Callable[[NDArray[np.bool_]], NDArray[np.float64]], players: int
) -> NDArray[np.float64]:
    """What each player adds (players,), the mean over all orders in which they may join.

    `worth` gives that of coalitions (n, players), (n,). Shapley 1953; as an explanation, Lundberg
    and Lee 2017 (arXiv 1705.07874), eq. 8. There are 2^players coalitions: 10 make 1,024.
    """
    index = np.arange(2**players)
    members = (index[:, None] >> np.arange(players)) & 1 == 1  # (2^players, players)
    worths, sizes = worth(members), members.sum(axis=1)
    orders = [factorial(size) * factorial(players - 1 - size) for size in range(players)]
    weights = np.array(orders) / factorial(players)
    shares = []
    for player in range(players):
        alone = index[~members[:, player]]
        gains = worths[alone | (1 << player)] - worths[alone]
        shares.append(float(weights[sizes[alone]] @ gains))
    return np.array(shares)
