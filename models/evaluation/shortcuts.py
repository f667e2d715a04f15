"""How well the label follows from what is no speech: length, level, source, language, spectrum.

A detector learns whatever separates the classes in its corpus. Where the length of a clip alone
separates them, a low EER says nothing about synthetic speech. Each column is judged alone:

    a number (length, level, pauses)   the EER of its better direction
    a word (source, language, channel) the EER of the log-odds of its values; those of a recording
                                       are counted in the other recordings
    the spectrum                       the EER of a logistic regression, as of the detector
                                       `spectrum`, fitted on other speakers

Recordings and their copies are never on both sides. 50 % is chance.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.checks import Clip, DataFinding
from models.data.protocols.partitions import group_keys
from models.evaluation.bootstrap import ResampledEer, TrialList, resample
from models.evaluation.metrics.eer import eer
from models.params.data_checks import SHORTCUT
from models.trials import Trial

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

SPECTRUM = "spectrum"
FOLDS = 5
MIN_TRIALS = 20  # of each class that have a value
MIN_CLUSTERS = 10  # of each class; with fewer, every recording is a cluster of its own
MOST_SPECTRA = 6_000  # clips that the spectrum's regression is fitted on and judged by
RESAMPLES = 1_000
SEED = 2026
SPREAD = 8.0  # sets the penalty, as in models.detectors.regression
HIGHEST = 0.30  # upper end of the interval of an EER that is too good for a column alone

NUMBERS: Mapping[str, str] = {
    "length": "duration_s",
    "level": "level_dbfs",
    "leading silence": "leading_pause_s",
    "trailing silence": "trailing_pause_s",
}
WORDS: Mapping[str, Callable[[Clip], str | None]] = {
    "source": lambda clip: clip.trial.source,
    "language": lambda clip: clip.trial.language,
    "channel": lambda clip: clip.trial.codec,
    "sample rate": lambda clip: None if clip.rate is None else str(clip.rate),
}


@dataclass(frozen=True)
class Shortcut:
    """What one column says about the label."""

    column: str
    trials: int  # that have a value
    eer: float  # 0-1
    low: float  # 95 % interval of the EER, by speakers
    high: float

    @property
    def is_too_good(self) -> bool:
        """Whether the label follows from the column, by more than chance: see docs/data.md."""
        return self.high < HIGHEST

    @property
    def complaint(self) -> str:
        """What is wrong, as a clause, and what to do."""
        return (
            f"alone it tells bona fide from spoof with an EER of {100 * self.eer:.1f} % (95 % "
            f"interval to {100 * self.high:.1f} %, {100 * HIGHEST:.0f} % or more expected): a "
            "detector learns it in place of speech; match it between the classes, or leave out "
            "trials until it is"
        )


def shortcuts(clips: Sequence[Clip]) -> tuple[Shortcut, ...]:
    """Every column that at least 20 clips of each class have a value of, in order of the tables."""
    measured = [_of_number(column, clips) for column in NUMBERS]
    measured += [_of_words(column, clips) for column in WORDS]
    return tuple(shortcut for shortcut in measured if shortcut is not None)


def shortcut_findings(columns: Sequence[Shortcut]) -> list[DataFinding]:
    """A finding for each column that is too good."""
    return [
        DataFinding(SHORTCUT, "", shortcut.column, shortcut.eer, shortcut.complaint)
        for shortcut in columns
        if shortcut.is_too_good
    ]


def _of_number(column: str, clips: Sequence[Clip]) -> Shortcut | None:
    trials = [clip.trial for clip in clips]
    bonafide = _bonafide(trials)
    if not _enough(bonafide):
        return None
    values = np.array([clip.sound.values[NUMBERS[column]] for clip in clips])
    sign = 1.0 if eer(values[bonafide], values[~bonafide]) <= 0.5 else -1.0
    return _judged(column, trials, sign * values)


def _of_words(column: str, clips: Sequence[Clip]) -> Shortcut | None:
    pairs = [(clip.trial, word) for clip in clips if (word := WORDS[column](clip))]
    trials = [trial for trial, _ in pairs]
    if not _enough(_bonafide(trials)):
        return None
    values = np.unique([word for _, word in pairs], return_inverse=True)[1]
    return _judged(column, trials, _log_odds(values, trials))


def _log_odds(values: NDArray[np.int64], trials: Sequence[Trial]) -> Floats:
    """Of each trial's value (trials,), by how often recordings of other folds have it."""
    bonafide, scores = _bonafide(trials), np.zeros(len(trials))
    keys = [trial.parent or trial.utterance_id for trial in trials]
    folds = np.array([int(hashlib.sha256(key.encode()).hexdigest(), 16) % FOLDS for key in keys])
    kinds = int(values.max()) + 1
    for fold in range(FOLDS):
        others = folds != fold
        rates = [
            np.bincount(values[others & side], minlength=kinds) / max(int((others & side).sum()), 1)
            for side in (bonafide, ~bonafide)
        ]
        rare = 1 / len(trials)  # a value that no other recording has says nothing
        scores[~others] = np.log((rates[0] + rare) / (rates[1] + rare))[values[~others]]
    return scores


def of_spectrum(trials: Sequence[Trial], spectra: NDArray[np.float32]) -> Shortcut | None:
    """Of the `log_spectrum`s (trials, d), by regressions on other speakers; None for too few."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    bonafide, groups = _bonafide(trials), group_keys(trials)
    folds = min(FOLDS, len({*groups}))
    if folds < 2 or not _enough(bonafide):
        return None
    scores = np.zeros(len(trials))
    for others, own in StratifiedGroupKFold(folds).split(spectra, bonafide, groups):
        if not 0 < bonafide[others].sum() < len(others):
            return None
        penalty = SPREAD**2 / spectra.shape[1]
        regression = LogisticRegression(C=penalty, class_weight="balanced", max_iter=1_000)
        model = make_pipeline(StandardScaler(), regression).fit(spectra[others], bonafide[others])
        scores[own] = model.decision_function(spectra[own])
    return _judged(SPECTRUM, trials, scores)


def spread_evenly(count: int) -> range:
    """The places, at most MOST_SPECTRA, of the clips whose spectrum is looked at."""
    return range(0, count, -(-count // MOST_SPECTRA) or 1)


def _judged(column: str, trials: Sequence[Trial], scores: Floats) -> Shortcut:
    """The EER and its interval; what is worse than chance is chance."""
    bonafide = _bonafide(trials)
    clusters = np.unique(_clusters(trials, bonafide), return_inverse=True)[1]
    listed = TrialList(bonafide, clusters)
    statistic = ResampledEer(scores, listed, np.flatnonzero(bonafide), np.flatnonzero(~bonafide))
    drawn = resample(listed, {column: statistic}, RESAMPLES, SEED)[column]
    rate = eer(scores[bonafide], scores[~bonafide])
    low, high = (float(bound) for bound in np.nanquantile(drawn, [0.025, 0.975]))
    return Shortcut(column, len(trials), *(min(value, 0.5) for value in (rate, low, high)))


def _clusters(trials: Sequence[Trial], bonafide: Mask) -> list[str]:
    """Speakers, else sources; where a class has hardly any, recordings."""
    clusters = np.array([trial.cluster for trial in trials])
    if min(len(set(clusters[side])) for side in (bonafide, ~bonafide)) >= MIN_CLUSTERS:
        return [str(cluster) for cluster in clusters]
    return [trial.parent or trial.utterance_id for trial in trials]


def _bonafide(trials: Sequence[Trial]) -> Mask:
    return np.array([trial.attack_id is None for trial in trials], dtype=np.bool_)


def _enough(bonafide: Mask) -> bool:
    return min(int(bonafide.sum()), int((~bonafide).sum())) >= MIN_TRIALS
