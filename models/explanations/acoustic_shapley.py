"""Shapley values of readable acoustic features, of a surrogate of the detector.

Pitch and bandwidth are no inputs of a detector, and the length or the noise floor of speech cannot
be changed without other traces. So a surrogate is explained: boosted trees that predict the
detector's cm_score from ten readable features, fitted on files that the detector has scored. `r2`
is the share of variance that the surrogate explains in files that it was not fitted on (their
speakers may be in both): where it is low, the values say little about the detector. Values are
exact, over all coalitions; a feature outside a coalition takes the values of background files
(Lundberg and Lee 2017, arXiv 1705.07874).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.explanations.background import READABLE, Background
from models.explanations.explanation import Contributions, InapplicableError, Numbers
from models.explanations.shapley import shapley_values
from models.explanations.stretch import ScoredStretch

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

DRAWN = 64  # background files that stand in for what a coalition leaves out
FOLDS = 5
FEWEST = 60  # files: fewer are not enough for a surrogate


def acoustic_shapley(stretch: ScoredStretch) -> Contributions:
    """The share of each readable feature of the file in the surrogate's score."""
    background, name = stretch.background, stretch.detector.name
    if background is None or stretch.acoustics is None:
        raise InapplicableError(f"{name}: no files that it has scored were given to compare with")
    if len(background.features) < FEWEST:
        raise InapplicableError(
            f"{background.origin}: at least {FEWEST} scored files expected to compare with, "
            f"found {len(background.features)}"
        )
    surrogate, r2 = _fitted(background, stretch.seed)
    own = np.array([stretch.acoustics[name] for name in READABLE])
    rng = np.random.default_rng(stretch.seed)
    count = min(DRAWN, len(background.features))
    drawn = background.features[rng.choice(len(background.features), count, replace=False)]

    def worth(members: NDArray[np.bool_]) -> Numbers:
        rows = np.where(members[:, None, :], own, drawn)  # (coalitions, drawn, features)
        answers = surrogate.predict(rows.reshape(-1, len(own)))
        return np.asarray(-answers.reshape(len(members), count).mean(axis=1))

    shares = shapley_values(worth, len(own))
    surrogate_score = float(surrogate.predict(own[None])[0])
    return Contributions(
        names=tuple(READABLE.values()),
        values=own,
        usual=np.median(background.features, axis=0),
        shares=shares,
        unit="cm_score, towards spoof",
        meaning="pushes a surrogate's score towards spoof",
        figures={
            "r2": r2,
            "surrogate": surrogate_score,
            "usual": surrogate_score + float(shares.sum()),
            "files": len(background.features),
        },
    )


def _fitted(background: Background, seed: int) -> tuple[HistGradientBoostingRegressor, float]:
    """The surrogate, and the share of variance it explains in scores it was not fitted on."""
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
