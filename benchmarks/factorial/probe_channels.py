"""Claim: a tenth of the clips through channels and noise teaches probes most of both.

    python -m benchmarks.factorial.probe_channels CORPUS

On the folds of docs/generalisation.md: probes fitted on clips as they are, and on clips of which a
tenth passes the effect `channel` and a tenth of the rest `white_noise`. All trials of all cells are
scored as they are, each through a channel, and each with noise. Prints the EER of each cell and
figure, with intervals, in this order.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.factorial.probe_features import (
    Change,
    Features,
    corpus_and_folds,
    features_of,
    fitted,
    print_report,
    probes,
    rows_of,
)
from models.augmentations.channel import ANY_CHANNEL
from models.augmentations.white_noise import white_noise
from models.evaluation.factorial import Design, RecipeScores

SHARE = 0.1  # of each effect


def main() -> None:
    """Print the tables."""
    trials, clips, folds = corpus_and_folds(Path(sys.argv[1]))
    detector = probes()
    effects: dict[str, Change] = {
        "as they are": lambda one: one,
        "channel": channel,
        "noise": noise,
    }
    versions = {name: features_of(detector, clips, effect) for name, effect in effects.items()}
    design = Design.of(trials, folds)
    recipes = []
    for kind, train_on in (("plain", versions["as they are"]), ("augmented", mixed(versions))):
        lines = [fitted(train_on, detector.probes, clips.take(fold.train)) for fold in folds]
        for name, features in versions.items():
            rows = rows_of(features, design.utterance_ids)
            scores = {
                (number, 0): rows @ (line.weights / line.spread)
                for number, line in enumerate(lines)
            }
            recipes.append(RecipeScores(f"{kind}, {name}", scores))
    print_report(design, recipes)


def channel(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Through a codec, a telephone line or another rate, drawn by the waveform itself."""
    return np.asarray(ANY_CHANNEL(waveform, _generator(waveform)), np.float32)


def noise(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """With white noise, drawn by the waveform itself."""
    return np.asarray(white_noise(waveform, _generator(waveform)), np.float32)


def mixed(versions: dict[str, Features]) -> Features:
    """Of each utterance one of the three, by chance."""
    rng = np.random.default_rng(1)
    chosen = {}
    for utterance, row in versions["as they are"].items():
        first, second = rng.random(2)
        name = "channel" if first < SHARE else "noise" if second < SHARE else None
        chosen[utterance] = row if name is None else versions[name][utterance]
    return chosen


def _generator(waveform: NDArray[np.float32]) -> np.random.Generator:
    digest = hashlib.sha256(waveform.tobytes()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


if __name__ == "__main__":
    main()
