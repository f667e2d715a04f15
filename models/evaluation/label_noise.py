"""Which labels are probably wrong: confident learning over scores of unheard trials.

Northcutt, Jiang & Chuang, "Confident learning: estimating uncertainty in dataset labels" (2021),
arXiv 1911.00068, for the two classes of a protocol. A trial counts as truly of a class where that
class's probability is at least as high as it is on average for trials that are labelled so (section
3.1); counts by given and true class, each row scaled to the number of trials given that label, are
the joint distribution (equation 3). Suspected are the trials that are counted off its diagonal
(section 3.2, method 2), those with the largest margin first.

Probabilities must come of detectors that have not learnt from the trial, else they know its label
by heart. What the method cannot tell is a wrong label from a trial that is merely hard: a spoof
that fools the detector looks mislabelled, and counts as noise in the joint. So the weaker the
detector, the higher the noise that is estimated. The list is to be listened to, not to be dropped.
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
CERTAIN = 0.95  # more is no more: of trials at 0.98 and at 1, the former are below their mean
ROUNDING = 1e-9  # of a probability: where all of a class have one, their mean is no higher
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
    """How labels and truth go together, and whom to look at first."""

    joint: Floats  # (given, true), shares of all trials; bona fide first
    thresholds: Floats  # (2,) probability of a class from which a trial counts as truly of it
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
                str(given): dict(zip(map(str, CLASSES), self.joint[row].tolist(), strict=True))
                for row, given in enumerate(CLASSES)
            },
            "thresholds": dict(zip(map(str, CLASSES), self.thresholds.tolist(), strict=True)),
            "suspects": [asdict(suspect) for suspect in self.suspects],
        }


def find_label_noise(parts: Sequence[Scores]) -> LabelNoise:
    """What scores of unheard trials say of their labels.

    Each part is what one detector scored: a fold, or everything. Scales differ from detector to
    detector, so each part gets probabilities of its own. A trial that several parts hold (by
    several seeds) has the mean of them. Raises InputError where a part lacks a class.
    """
    trials = _heard(parts)
    told = np.clip(trials.spoof, 1 - CERTAIN, CERTAIN)
    joint = confident_joint(np.stack([1 - told, told], axis=1), trials.given)
    suspected = (joint.true >= 0) & (joint.true != trials.given) & (trials.margins > 0)
    suspects = tuple(trials.suspect(row) for row in trials.ranked(suspected))
    return LabelNoise(joint.shares, joint.thresholds, suspects, len(trials.names))


@dataclass(frozen=True)
class _Heard:
    """What detectors say of trials; arrays (trials,)."""

    names: tuple[str, ...]
    attack_ids: tuple[str | None, ...]
    spoof: Floats  # probability
    heights: Floats  # cm_score, in standard deviations of its part

    @cached_property
    def given(self) -> NDArray[np.int64]:
        return np.array([int(attack is not None) for attack in self.attack_ids])

    @cached_property
    def margins(self) -> Floats:
        """Probability of the class that was not given, less that of the given one."""
        return np.asarray(2 * np.abs(self.given - self.spoof) - 1)

    def ranked(self, chosen: NDArray[np.bool_]) -> list[int]:
        """Rows, the largest margin first; where many trials share one, by their scores."""
        margins, against = self.margins, np.where(self.given, -self.heights, self.heights)
        rows = np.flatnonzero(chosen).tolist()
        return sorted(rows, key=lambda row: (-margins[row], against[row], self.names[row]))

    def suspect(self, row: int) -> Suspect:
        attack, spoof = self.attack_ids[row], float(self.spoof[row])
        label = CLASSES[int(attack is not None)]
        return Suspect(self.names[row], label, attack, spoof, float(self.margins[row]))


def _heard(parts: Sequence[Scores]) -> _Heard:
    """Every trial once, with the means of what the parts say of it."""
    found: dict[str, list[tuple[float, float]]] = {}
    attacks: dict[str, str | None] = {}
    for scores in parts:
        scores.require_both_classes()
        pairs = zip(_spoof_probabilities(scores), _standardised(scores.cm_scores), strict=True)
        for name, pair in zip(scores.utterance_ids, pairs, strict=True):
            found.setdefault(name, []).append(pair)
        attacks.update(scores.keys)
    spoof, heights = np.array([np.mean(pairs, axis=0) for pairs in found.values()]).T
    return _Heard(tuple(found), tuple(attacks[name] for name in found), spoof, heights)


@dataclass(frozen=True)
class ConfidentJoint:
    """Given and true classes, counted where the true one is told with confidence."""

    shares: Floats  # (given, true), of all trials
    thresholds: Floats  # (classes,)
    true: NDArray[np.int64]  # (trials,) the class that a trial counts as; -1: none


def confident_joint(probabilities: Floats, given: NDArray[np.int64]) -> ConfidentJoint:
    """From probabilities (trials, classes) and the classes (trials,) that trials were given.

    A class none of whose trials counts as anything keeps its labels.
    """
    classes = np.arange(probabilities.shape[1])
    thresholds = np.array([probabilities[given == each, each].mean() for each in classes])
    above = np.where(probabilities >= thresholds - ROUNDING, probabilities, -np.inf)
    true = np.where(np.isfinite(above).any(axis=1), above.argmax(axis=1), -1)
    counts = np.zeros((classes.size, classes.size))
    np.add.at(counts, (given[true >= 0], true[true >= 0]), 1)
    counts[np.diag_indices_from(counts)] += counts.sum(axis=1) == 0
    shares = np.bincount(given, minlength=classes.size) / given.size
    return ConfidentJoint(
        counts / counts.sum(axis=1, keepdims=True) * shares[:, None], thresholds, true
    )


def _spoof_probabilities(scores: Scores) -> list[float]:
    """Of each trial (trials,), for equally likely classes, by isotonic regression on given labels.

    A logistic curve has no room for labels that are wrong at its ends and is flattened by them; a
    step function that rises is not. It has a trial's own label in it, among those of a whole step.
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
