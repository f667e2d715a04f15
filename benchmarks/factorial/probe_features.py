"""Features and lines of `probes` on the folds of docs/generalisation.md, for its benchmarks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
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
from models.data.folds import FactorialFold, factorial_folds
from models.detectors.first_weights import new_detector
from models.detectors.fitted import Examples
from models.detectors.probes import Probes
from models.detectors.regression import Line, fitted_line
from models.evaluation.factorial import Design, RecipeScores
from models.evaluation.factorial.report import build_factorial_report
from models.params.detector import DetectorParams
from models.params.tree import Params
from models.training.sampling import Sampler
from models.training.scoring import window_batches
from models.trials import Trial

Waveforms = NDArray[np.float32]
Change = Callable[[Waveforms], Waveforms]
Features = Mapping[str, NDArray[np.float32]]  # by utterance ID
PARAMS = Params(detector=DetectorParams("probes"))


def corpus_and_folds(
    root: Path,
) -> tuple[Sequence[Trial], Clips, tuple[FactorialFold, ...]]:
    """The trials of `shared/corpus`, their clips, and the folds."""
    trials = read_trials("antiphon", root, PARAMS)
    clips = pack_corpus(trials, PARAMS, settings().state_dir / "benchmarks" / "probes")
    return trials, clips, factorial_folds(trials, attacks=ATTACK_GROUPS, sources=SOURCE_GROUPS)


def probes() -> Probes:
    """The detector, on published weights."""
    detector = new_detector(PARAMS)
    assert isinstance(detector, Probes)
    return detector


def features_of(detector: Probes, clips: Clips, change: Change = lambda one: one) -> Features:
    """Features (d,) of the first window of each clip after a change; kept in the state folder."""
    listen = feature_cache().of(detector, torch.device("cpu"))
    beginnings = clips.beginnings(PARAMS.window.samples)
    rows = np.zeros((len(clips), detector.feature_dim), np.float32)
    with evaluation_mode(detector), torch.inference_mode():
        for windows, owners in window_batches(beginnings, PARAMS.window, 16):
            changed = np.stack([change(window) for window in windows])
            rows[owners] = listen(torch.from_numpy(changed)).numpy()
    return dict(zip(clips.utterance_ids, rows, strict=True))


def rows_of(features: Features, utterance_ids: Sequence[str]) -> NDArray[np.float32]:
    """Features (n, d) of utterances."""
    return np.stack([features[utterance] for utterance in utterance_ids])


def fitted(features: Features, sizes: Sequence[int] | None, train: Clips) -> Line:
    """The line of probes of these sizes over train clips; None: of one regression."""
    weights = Sampler(train, PARAMS.training, {}).weights()
    rows = rows_of(features, train.utterance_ids)
    return fitted_line(Examples(rows, train.bonafide, weights), None, sizes)


def print_report(design: Design, recipes: Sequence[RecipeScores]) -> None:
    """Every table of the recipes, of one seed."""
    report = build_factorial_report(design, recipes, 1)
    sys.stdout.write("\n".join(markdown(report)) + "\n")
