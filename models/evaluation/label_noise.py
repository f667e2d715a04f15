"""Which labels are probably wrong: confident learning over scores of trials not learnt from.

Northcutt, Jiang & Chuang, "Confident learning: estimating uncertainty in dataset labels" (2021),
arXiv 1911.00068, for the two classes of a protocol. A trial counts as truly of a class where that
class's probability is at least as high as it is on average for trials that are labelled so (section
3.1); counts by given and true class, each row scaled to the number of trials given that label, are
the joint distribution (equation 3). Suspected are the trials that are counted off its diagonal
(section 3.2, method 2), those with the largest margin first.

Probabilities must come from detectors that have not learnt from the trial: one that has learnt from
it gives back its label. The method cannot tell a wrong label from a trial that is hard: a spoof
that fools the detector looks mislabelled and counts as noise in the joint, so that a weaker
detector estimates more noise. The list is for people to listen to, and not for dropping trials.

cleanlab lists the same trials (docs/data.md has figures).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.evaluation.scores import Scores
from models.trials import Label

CLASSES = (Label.BONAFIDE, Label.SPOOF)
CERTAIN = (
    0.95  # upper limit of a probability: of trials at 0.98 and 1, the first are below the mean
)
ROUNDING = 1e-9  # of the mean of equal probabilities, which may come out above them
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Suspect:
    """A trial whose label is probably wrong."""

    utterance_id: str
    given: Label
    attack_id: str | None
    spoof_probability: float  # for equally likely classes
    margin: float  # probability of the other class less that of the given one, 0 to 1


@dataclass(frozen=True)
class LabelNoise:
    """The joint distribution of given and true labels, and the suspected trials."""

    joint: Floats  # (given, true), shares of all trials; bona fide first
    thresholds: Floats  # (2,) lowest probability at which a trial counts as truly of a class
    suspects: tuple[Suspect, ...]  # the largest margin first
    trials: int

    @property
    def noise(self) -> float:
        """The estimated share of wrong labels."""
        return float(self.joint[0, 1] + self.joint[1, 0])

    def to_json(self) -> dict[str, Any]:
        """One object."""
        return {
            "trials": self.trials,
            "noise": self.noise,
            "joint": {
                str(label): dict(zip(map(str, CLASSES), self.joint[row].tolist(), strict=True))
                for row, label in enumerate(CLASSES)
            },
            "thresholds": dict(zip(map(str, CLASSES), self.thresholds.tolist(), strict=True)),
            "suspects": [asdict(suspect) for suspect in self.suspects],
        }


def find_label_noise(parts: Sequence[Scores]) -> LabelNoise:
    """Find wrong labels by scores of trials that the detectors have not learnt from.

    A part has the scores of one detector, for example of one fold. Detectors score on different
    scales, so each part gets probabilities of its own. A trial in several parts (of several seeds)
    has the mean of its probabilities. Raises InputError where a part lacks a class.
    """
    trials = scored_trials(parts)
    joint = confident_joint(trials.probabilities(), trials.labels)
    suspected = (joint.true >= 0) & (joint.true != trials.labels) & (trials.margins > 0)
    suspects = tuple(trials.suspect(row) for row in trials.ranked(suspected))
    return LabelNoise(joint.shares, joint.thresholds, suspects, len(trials.names))


@dataclass(frozen=True)
class ScoredTrials:
    """Trials with what their scores say about their labels; arrays (trials,)."""

    names: tuple[str, ...]
    attack_ids: tuple[str | None, ...]
    spoof: Floats  # probability
    heights: Floats  # cm_score, in standard deviations of its part

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """The given labels: 0 is bona fide, 1 is spoof."""
        return np.array([int(attack is not None) for attack in self.attack_ids])

    @cached_property
    def margins(self) -> Floats:
        """Probability of the other class, less that of the given one."""
        return np.asarray(2 * np.abs(self.labels - self.spoof) - 1)

    def probabilities(self) -> Floats:
        """Of bona fide speech and of spoof (trials, 2), limited to `CERTAIN`."""
        spoof = np.clip(self.spoof, 1 - CERTAIN, CERTAIN)
        return np.stack([1 - spoof, spoof], axis=1)

    def ranked(self, chosen: NDArray[np.bool_]) -> list[int]:
        """The chosen rows, the largest margin first; those of the same margin by their scores."""
        margins, against = self.margins, np.where(self.labels, -self.heights, self.heights)
        rows = np.flatnonzero(chosen).tolist()
        return sorted(rows, key=lambda row: (-margins[row], against[row], self.names[row]))

    def suspect(self, row: int) -> Suspect:
        """The trial of a row."""
        attack, spoof = self.attack_ids[row], float(self.spoof[row])
        label = CLASSES[int(attack is not None)]
        return Suspect(self.names[row], label, attack, spoof, float(self.margins[row]))


def scored_trials(parts: Sequence[Scores]) -> ScoredTrials:
    """Every trial once, with the mean of its probabilities and scores over the parts."""
    pairs_of: dict[str, list[tuple[float, float]]] = {}
    attacks: dict[str, str | None] = {}
    for scores in parts:
        scores.require_both_classes()
        pairs = zip(_spoof_probabilities(scores), _standardised(scores.cm_scores), strict=True)
        for name, pair in zip(scores.utterance_ids, pairs, strict=True):
            pairs_of.setdefault(name, []).append(pair)
        attacks.update(scores.keys)
    spoof, heights = np.array([np.mean(pairs, axis=0) for pairs in pairs_of.values()]).T
    attack_ids = tuple(attacks[name] for name in pairs_of)
    return ScoredTrials(tuple(pairs_of), attack_ids, spoof, heights)


@dataclass(frozen=True)
class ConfidentJoint:
    """Given and true classes, counted over trials whose probability is high enough."""

    shares: Floats  # (given, true), of all trials
    thresholds: Floats  # (classes,)
    true: NDArray[np.int64]  # (trials,) class that a trial counts as; -1: none


def confident_joint(probabilities: Floats, labels: NDArray[np.int64]) -> ConfidentJoint:
    """Count probabilities (trials, classes) and labels (trials,).

    Where no trial of a class counts as anything, all of its labels are taken to be right.
    """
    classes = np.arange(probabilities.shape[1])
    thresholds = np.array([probabilities[labels == label, label].mean() for label in classes])
    above = np.where(probabilities >= thresholds - ROUNDING, probabilities, -np.inf)
    true = np.where(np.isfinite(above).any(axis=1), above.argmax(axis=1), -1)
    counts = np.zeros((classes.size, classes.size))
    np.add.at(counts, (labels[true >= 0], true[true >= 0]), 1)
    counts[np.diag_indices_from(counts)] += counts.sum(axis=1) == 0
    shares = np.bincount(labels, minlength=classes.size) / labels.size
    return ConfidentJoint(
        counts / counts.sum(axis=1, keepdims=True) * shares[:, None], thresholds, true
    )


def _spoof_probabilities(scores: Scores) -> list[float]:
    """Of each trial (trials,), for equally likely classes, by isotonic regression on given labels.

    Wrong labels at the ends of the scale flatten a logistic curve, but not a step function. A
    trial's own label counts in its probability, among the labels of a whole step.
    """
    from sklearn.isotonic import IsotonicRegression

    share = scores.is_bonafide.mean()
    weights = np.where(scores.is_bonafide, 0.5 / share, 0.5 / (1 - share))
    labels = (~scores.is_bonafide).astype(np.float64)
    falling = IsotonicRegression(increasing=False)
    probabilities = falling.fit_transform(scores.cm_scores, labels, sample_weight=weights)
    return [float(value) for value in probabilities]


def _standardised(cm_scores: Floats) -> list[float]:
    spread = float(cm_scores.std()) or 1.0
    return [float(value) for value in (cm_scores - cm_scores.mean()) / spread]
