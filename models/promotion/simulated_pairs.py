"""Simulated pairs of detectors of known quality: scores of evaluation trials, dev and calls.

A cm_score is the distance of the trial's class, what the two detectors share about speaker and
trial, and what each has of its own; so their errors are correlated, as those of real pairs are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from models.evaluation.calibration_fit import fit_calibration
from models.evaluation.scores import Scores
from models.params.calibration import CalibrationParams
from models.promotion.evidence import Calibrations, EvaluationSet, Evidence, Pair

SPEAKERS, DEV_SPEAKERS = 200, 100
EACH = 20  # trials of a speaker: half bona fide, then one spoof by each attack
ATTACKS = tuple(f"A{number:02d}" for number in range(1, 11))
LANGUAGES = ("cs", "de", "en", "fr")  # of bona fide speech, by speaker
DISTANCES = tuple(np.linspace(2.7, 3.9, len(ATTACKS)))  # of each attack from bona fide speech


@dataclass(frozen=True)
class Variances:
    """Of a score: of speaker and trial, shared by both detectors and of each alone; sum: 1."""

    speaker_shared: float = 0.1
    speaker_own: float = 0.1
    trial_shared: float = 0.5
    trial_own: float = 0.3


LITTLE_HABIT = Variances()


@dataclass(frozen=True)
class Truth:
    """The true quality of the candidate."""

    name: str
    nearer: float = 0.0  # how much further from bona fide speech it puts every attack
    broken: Mapping[str, float] | None = None  # attack -> its distance where the candidate fails

    @property
    def distances(self) -> NDArray[np.float64]:
        """Of each attack from bona fide speech (attacks,), for the candidate."""
        broken = self.broken or {}
        return np.array(
            [
                broken.get(attack, distance + self.nearer)
                for attack, distance in zip(ATTACKS, DISTANCES, strict=True)
            ]
        )

    @property
    def gain(self) -> float:
        """By how much its true EER is lower than the champion's."""
        return true_eer(np.array(DISTANCES)) - true_eer(self.distances)


TRUTHS = (
    Truth("equal"),
    Truth("slightly better", 0.15),
    Truth("clearly better", 0.32),
    Truth("worse", -0.15),
    Truth("better, one attack broken", 0.6, {ATTACKS[4]: 2.0}),
)


def true_eer(distances: NDArray[np.float64]) -> float:
    """EER (0-1) of endless trials, each attack as frequent as the others."""
    return NormalDist().cdf(true_threshold(distances))


def true_threshold(distances: NDArray[np.float64]) -> float:
    """Where the error rates of endless trials of both classes are equal."""
    return _root(lambda threshold: _false_alarms(threshold, distances) - _misses(threshold))


def balanced_error(threshold: float, distances: NDArray[np.float64]) -> float:
    """Mean of the error rates (0-1) of both classes at a threshold, of endless trials."""
    return (_misses(threshold) + _false_alarms(threshold, distances)) / 2


def laxer_threshold(strict: float, distances: NDArray[np.float64]) -> float:
    """The threshold below that of the lowest balanced error that errs as much as `strict`."""
    error = balanced_error(strict, distances)
    best = min(np.linspace(-8, strict, 4_001), key=lambda t: balanced_error(t, distances))
    return _root(lambda threshold: balanced_error(threshold, distances) - error, high=float(best))


def _misses(threshold: float) -> float:
    return NormalDist().cdf(threshold)


def _false_alarms(threshold: float, distances: NDArray[np.float64]) -> float:
    normal = NormalDist()
    return sum(1 - normal.cdf(threshold + distance) for distance in distances) / distances.size


def _root(lacking: Callable[[float], float], low: float = -8.0, high: float = 8.0) -> float:
    """Where a function that is above zero at `low`, and not at `high`, crosses it."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if lacking(middle) > 0 else (low, middle)
    return low


def simulate_pair(truth: Truth, random: np.random.Generator) -> Evidence:
    """Draw one pair: 4,000 eval trials of 200 speakers, 2,000 of dev."""
    champion, candidate = _scores(truth, SPEAKERS, random)
    dev = _scores(truth, DEV_SPEAKERS, random)
    fitted = [fit_calibration(scores, CalibrationParams()) for scores in dev]
    return Evidence(
        {EvaluationSet.FROZEN: Pair(candidate, champion, _slices(candidate))},
        calibrations=Calibrations(candidate=fitted[1], champion=fitted[0]),
    )


def _scores(truth: Truth, speakers: int, random: np.random.Generator) -> tuple[Scores, Scores]:
    """The champion's and the candidate's scores of the same trials."""
    count = speakers * EACH
    speaker = np.arange(count) // EACH
    place = np.arange(count) % EACH - (EACH - len(ATTACKS))  # of the attack; below 0: bona fide
    values = draw_scores(truth, speaker, place, random)
    names = tuple(f"u{row}" for row in range(count))
    attacks = tuple(ATTACKS[nth] if nth >= 0 else None for nth in place.tolist())
    clusters = tuple(f"s{nth}" for nth in speaker.tolist())
    champion = Scores(names, attacks, values[0], clusters)
    return champion, replace(champion, cm_scores=values[1])


def draw_scores(
    truth: Truth,
    speaker: NDArray[np.int64],
    place: NDArray[np.int64],
    random: np.random.Generator,
    variances: Variances = LITTLE_HABIT,
) -> NDArray[np.float64]:
    """cm_scores (2, trials) of champion and candidate; `place`: of the attack, -1: bona fide."""
    speakers, trials = int(speaker.max()) + 1, speaker.size
    shared = np.sqrt(variances.speaker_shared) * random.normal(size=speakers)[speaker]
    shared += np.sqrt(variances.trial_shared) * random.normal(size=trials)
    own = np.sqrt(variances.speaker_own) * random.normal(size=(2, speakers))[:, speaker]
    own += np.sqrt(variances.trial_own) * random.normal(size=(2, trials))
    distances = np.stack((np.array(DISTANCES), truth.distances))
    return np.asarray(shared + own - np.where(place >= 0, distances[:, place], 0.0))


def _slices(scores: Scores) -> dict[str, NDArray[np.int64]]:
    """Bona fide trials by language; a speaker has one."""
    bonafide = np.flatnonzero(scores.is_bonafide)
    spoken = bonafide // EACH % len(LANGUAGES)
    return {
        f"language={language}": bonafide[spoken == nth] for nth, language in enumerate(LANGUAGES)
    }
