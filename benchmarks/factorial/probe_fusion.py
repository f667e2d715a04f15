"""Claim: on unknown attacks, the mean of probes is as good as what is fitted to combine them.

    python -m benchmarks.factorial.probe_fusion CORPUS

On the folds of docs/generalisation.md: `probes` as it is (each probe fitted alone, equal spreads,
equal weights); one regression on the features of all probes together; and weights for the probes by
a logistic regression on scores of attacks and sources that were left out of train, none below 0.
Features are those of whole first windows, kept in the state folder. Prints the mean over attacks of
the EER in each cell, with intervals, and differences to the first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.factorial.groups import ATTACK_GROUPS, SOURCE_GROUPS
from flows.candidate.feature_cache import feature_cache
from flows.lab.factorial.table import markdown
from flows.lab.packed_corpus import pack_corpus, read_trials
from infra.settings import settings
from models.compute.eval_mode import evaluation_mode
from models.data.clips import Clips
from models.data.folds import factorial_folds
from models.data.left_out import left_out
from models.detectors.first_weights import new_detector
from models.detectors.fitted import Examples
from models.detectors.fusion import fused_upwards
from models.detectors.probes import Probes
from models.detectors.regression import Line, fitted_line
from models.evaluation.factorial import Design, RecipeScores
from models.evaluation.factorial.report import build_factorial_report
from models.params.detector import DetectorParams
from models.params.tree import Params
from models.training.sampling import Sampler
from models.training.scoring import window_batches

Floats = NDArray[np.float64]
Features = Mapping[str, NDArray[np.float32]]  # by utterance ID
PARAMS = Params(detector=DetectorParams("probes"))


def main() -> None:
    """Print the tables."""
    root = Path(sys.argv[1])
    trials = read_trials("antiphon", root, PARAMS)
    clips = pack_corpus(trials, PARAMS, settings().state_dir / "benchmarks" / "probe-fusion")
    detector = new_detector(PARAMS)
    assert isinstance(detector, Probes)
    features = features_of(detector, clips)
    folds = factorial_folds(trials, attacks=ATTACK_GROUPS, sources=SOURCE_GROUPS)
    design = Design.of(trials, folds)
    ways: dict[str, Callable[[Clips, Clips], Floats]] = {
        "mean": partial(together, features, detector.probes),
        "one regression": partial(together, features, None),
        "fitted on left-out": partial(weighed, features, detector.probes),
    }
    recipes = []
    for name, way in ways.items():
        scores = {}
        for number, fold in enumerate(folds):
            direction = way(clips.take(fold.train), clips.take(fold.dev))
            rows = np.stack([features[utterance] for utterance in design.utterance_ids])
            scores[number, 0] = rows @ direction
        recipes.append(RecipeScores(name, scores))
    report = build_factorial_report(design, recipes, 1)
    sys.stdout.write("\n".join(markdown(report)) + "\n")


def features_of(detector: Probes, clips: Clips) -> Features:
    """Features (d,) of the first window of each clip."""
    listen = feature_cache().of(detector, torch.device("cpu"))
    beginnings = clips.beginnings(PARAMS.window.samples)
    rows = np.zeros((len(clips), detector.feature_dim), np.float32)
    with evaluation_mode(detector), torch.inference_mode():
        for windows, owners in window_batches(beginnings, PARAMS.window, 16):
            rows[owners] = listen(torch.from_numpy(windows)).numpy()
    return dict(zip(clips.utterance_ids, rows, strict=True))


def fitted(features: Features, probes: list[int] | None, train: Clips) -> Line:
    """A line for clips."""
    rows = np.stack([features[utterance] for utterance in train.utterance_ids])
    weights = Sampler(train, PARAMS.training, {}).weights()
    return fitted_line(Examples(rows, train.bonafide, weights), None, probes)


def together(features: Features, probes: list[int] | None, train: Clips, _: Clips) -> Floats:
    """What features (d,) weigh in the line of all train clips."""
    line = fitted(features, probes, train)
    return line.weights / line.spread


def weighed(features: Features, probes: list[int], train: Clips, dev: Clips) -> Floats:
    """The same with weights for the probes that fit what was left out of train."""
    scores, labels = [], []
    for fold in left_out(train, dev):
        direction = together(features, probes, fold.train, fold.dev)
        rows = np.stack([features[utterance] for utterance in fold.judged.utterance_ids])
        scores.append(np.stack([rows[:, part] @ direction[part] for part in _parts(probes)], 1))
        labels.append(fold.judged.bonafide)
    shares, _ = fused_upwards(np.concatenate(scores).astype(np.float64), np.concatenate(labels))
    direction = together(features, probes, train, dev)
    for share, part in zip(shares, _parts(probes), strict=True):
        direction[part] *= share
    return direction


def _parts(probes: list[int]) -> list[slice]:
    return [slice(first, last) for first, last in pairwise(accumulate(probes, initial=0))]


if __name__ == "__main__":
    main()
