"""Shapley values of readable acoustic features, of a surrogate of the detector.

A detector has no input that is called pitch or bandwidth, and speech cannot be given another
length or noise floor without other traces. So what is explained is a surrogate: boosted trees that
tell the detector's cm_score from ten readable features, fitted on files that the detector has
scored. It is honest as far as the surrogate is right, which `r2` tells (over files it was not
fitted on; speakers may be in both). Exact values over all coalitions; a feature that is not in one
takes the values of background files (Lundberg and Lee 2017, arXiv 1705.07874).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.explanations.background import READABLE, Background
from models.explanations.explanation import AbsentError, Contributions, Numbers
from models.explanations.heard import Heard
from models.explanations.shapley import shapley_values

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

DRAWN = 64  # background files that stand in for what a coalition leaves out
FOLDS = 5
FEWEST = 60  # files: a surrogate of fewer says nothing


def acoustic_shapley(heard: Heard) -> Contributions:
    """What each readable feature of the whole file adds to the surrogate's score of it."""
    background, name = heard.background, heard.detector.name
    if background is None or heard.acoustics is None:
        raise AbsentError(f"{name}: no files that it has scored were given to compare with")
    if len(background.features) < FEWEST:
        found = len(background.features)
        raise AbsentError(
            f"{background.origin}: at least {FEWEST} scored files expected to compare with, "
            f"found {found}"
        )
    surrogate, r2 = _fitted(background, heard.seed)
    own = np.array([heard.acoustics[name] for name in READABLE])
    rng = np.random.default_rng(heard.seed)
    count = min(DRAWN, len(background.features))
    drawn = background.features[rng.choice(len(background.features), count, replace=False)]

    def worth(members: NDArray[np.bool_]) -> Numbers:
        rows = np.where(members[:, None, :], own, drawn)  # (coalitions, drawn, features)
        answers = surrogate.predict(rows.reshape(-1, len(own)))
        return np.asarray(-answers.reshape(len(members), count).mean(axis=1))

    shares = shapley_values(worth, len(own))
    told = float(surrogate.predict(own[None])[0])
    return Contributions(
        names=tuple(READABLE.values()),
        values=own,
        usual=np.median(background.features, axis=0),
        shares=shares,
        unit="cm_score, towards spoof",
        meaning="pushes a surrogate's score towards spoof",
        figures={
            "r2": r2,
            "surrogate": told,
            "usual": told + float(shares.sum()),
            "files": len(background.features),
        },
    )


def _fitted(background: Background, seed: int) -> tuple[HistGradientBoostingRegressor, float]:
    """The surrogate, and the share of the scores' variance that it tells of files it never saw."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.model_selection import KFold, cross_val_predict

    trees = HistGradientBoostingRegressor(
        max_iter=80, max_leaf_nodes=8, min_samples_leaf=10, learning_rate=0.08, random_state=seed
    )
    features, scores = background.features, background.cm_scores
    folds = KFold(FOLDS, shuffle=True, random_state=seed)
    left = scores - cross_val_predict(trees, features, scores, cv=folds)
    spread = float(np.square(scores - scores.mean()).sum())
    r2 = 1.0 - float(np.square(left).sum()) / spread if spread else 0.0
    return trees.fit(features, scores), r2
