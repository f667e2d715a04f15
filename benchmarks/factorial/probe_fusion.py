"""Claim: on unknown attacks, the mean of probes is as good as what is fitted to combine them.

    python -m benchmarks.factorial.probe_fusion CORPUS

On the folds of docs/generalisation.md: `probes` as it is (each probe fitted alone, equal spreads,
equal weights); one regression on the features of all probes together; and weights for the probes by
a logistic regression on scores of attacks and sources that were left out of train, none below 0.
Features are those of whole first windows, kept in the state folder. Prints the EER of each cell,
with intervals, and differences to the first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.factorial.probe_features import (
    Features,
    corpus_and_folds,
    features_of,
    fitted,
    print_report,
    probes,
    rows_of,
)
from models.data.clips import Clips
from models.data.left_out import left_out
from models.detectors.fusion import fused_upwards
from models.evaluation.factorial import Design, RecipeScores

Floats = NDArray[np.float64]


def main() -> None:
    """Print the tables."""
    trials, clips, folds = corpus_and_folds(Path(sys.argv[1]))
    detector = probes()
    features = features_of(detector, clips)
    design = Design.of(trials, folds)
    rows = rows_of(features, design.utterance_ids)
    ways: dict[str, Callable[[Clips, Clips], Floats]] = {
        "mean": partial(together, features, detector.probes),
        "one regression": partial(together, features, None),
        "fitted on left-out": partial(weighed, features, detector.probes),
    }
    recipes = []
    for name, way in ways.items():
        directions = [way(clips.take(fold.train), clips.take(fold.dev)) for fold in folds]
        scores = {(number, 0): rows @ direction for number, direction in enumerate(directions)}
        recipes.append(RecipeScores(name, scores))
    print_report(design, recipes)


def together(features: Features, sizes: Sequence[int] | None, train: Clips, _: Clips) -> Floats:
    """What features (d,) weigh in the line of all train clips."""
    line = fitted(features, sizes, train)
    return line.weights / line.spread


def weighed(features: Features, sizes: Sequence[int], train: Clips, dev: Clips) -> Floats:
    """The same with weights for the probes that fit what was left out of train."""
    parts = [slice(first, last) for first, last in pairwise(accumulate(sizes, initial=0))]
    scores, labels = [], []
    for fold in left_out(train, dev):
        direction = together(features, sizes, fold.train, fold.dev)
        rows = rows_of(features, fold.judged.utterance_ids).astype(np.float64)
        scores.append(np.stack([rows[:, part] @ direction[part] for part in parts], axis=1))
        labels.append(fold.judged.bonafide)
    shares, _ = fused_upwards(np.concatenate(scores), np.concatenate(labels))
    direction = together(features, sizes, train, dev)
    for share, part in zip(shares, parts, strict=True):
        direction[part] *= share
    return direction


if __name__ == "__main__":
    main()
