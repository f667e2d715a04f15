"""Claim: matching leaves little for a detector that listens to the mean spectrum alone.

    python -m benchmarks.spectrum_baseline OUT/base OUT/traffic    (of `antiphon corpus fetch demo`)

A logistic regression on the mean log-spectrum is trained on the train partition of the first
corpus. Printed is the EER of each attack on the eval partitions of all corpora, with all attacks in
training and with each left out.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.audio.reading import read_audio
from models.data.protocols.reading import read_protocol
from models.evaluation.metrics.eer import eer
from models.trials import Partition, Trial

FRAME, HOP = 512, 160


def mean_spectrum(trial: Trial) -> NDArray[np.float64]:
    """Mean over time of the log power spectrum (257,)."""
    frames = np.lib.stride_tricks.sliding_window_view(read_audio(trial.path), FRAME)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(FRAME), axis=1)) ** 2
    return np.asarray(np.log(power + 1e-8).mean(axis=0))


def main(roots: list[Path]) -> None:
    """Print a table of EERs."""
    corpora = [read_protocol("antiphon", root).trials for root in roots]
    train = [trial for trial in corpora[0] if trial.partition is Partition.TRAIN]
    test = [t for corpus in corpora for t in corpus if t.partition is Partition.EVAL]
    train_rows, test_rows = spectra(train), spectra(test)
    attacks = sorted({trial.attack_id for trial in test if trial.attack_id})
    known = sorted({trial.attack_id for trial in train if trial.attack_id})
    for left_out in (None, *known):
        kept = [n for n, trial in enumerate(train) if trial.attack_id != left_out or not left_out]
        human = [train[n].attack_id is None for n in kept]
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=0.1, max_iter=3000, class_weight="balanced")
        ).fit(train_rows[kept], human)
        scores = model.decision_function(test_rows)
        bonafide = scores[[trial.attack_id is None for trial in test]]
        rates = {a: eer(bonafide, scores[[t.attack_id == a for t in test]]) for a in attacks}
        line = "  ".join(f"{attack} {rate:6.1%}" for attack, rate in rates.items())
        sys.stdout.write(f"without {left_out or 'none':12}  {line}\n")


def spectra(trials: list[Trial]) -> NDArray[np.float64]:
    """Mean spectra (trials, 257)."""
    return np.stack([mean_spectrum(trial) for trial in trials])


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
