"""The input of the gate: scores of both detectors on every evaluation set, and their costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from models.evaluation.calibration import Calibration
from models.evaluation.costs import Costs
from models.evaluation.scores import Scores
from models.params.evaluation import EvaluationParams


class EvaluationSet(StrEnum):
    """The sets of trials that a candidate is held against; a set may be absent."""

    FROZEN = "frozen"  # eval trials that never change
    ROLLING = "rolling"  # the newest reviewed trials of the field
    PAST_ATTACKS = "past-attacks"  # frozen and rolling, attack by attack: no trials of its own
    SENTINEL = "sentinel"  # trials that nobody who labels or trains ever sees
    ADVERSARIAL = "adversarial"  # eval clips, attacked through the detector that is judged
    TRANSFER = "transfer"  # the same clips, attacked through the other detector
    BONAFIDE_HARD = "bonafide-hard"  # bona fide speech by language, codec, source, channel


SETS = tuple(EvaluationSet)


@dataclass(frozen=True)
class Pair:
    """Both detectors on one evaluation set; no champion: None."""

    candidate: Scores
    champion: Scores | None
    # "language=fr" -> rows of bona fide trials, in the candidate's order
    slices: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    version: str = ""  # SHA-256 of the set's trials and audio
    # 64 bits of the hash of each trial's audio, by which error budgets are counted; empty for a set
    # that is never tested for a gain
    trials: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, dtype=np.uint64))


@dataclass(frozen=True)
class Calibrations:
    """How each detector's cm_scores become log-likelihood ratios, and its operating threshold."""

    candidate: Calibration
    champion: Calibration | None = None


@dataclass(frozen=True)
class Evidence:
    """All that a verdict rests on. Sets that are empty are missing from `sets`.

    `frozen` may be missing only where `rolling` is there.
    """

    sets: Mapping[EvaluationSet, Pair]
    drifted: bool = False  # drift asked for the cycle: the newest trials decide
    calibrations: Calibrations | None = None  # None: not known, as where only scores are at hand
    costs: Costs | None = None  # None: not measured
    golden: bool | None = None  # the candidate gives its golden vectors; None: not looked at
    spent: Mapping[str, float] = field(default_factory=dict)  # set version -> level spent so far
    evaluation: EvaluationParams = field(default_factory=EvaluationParams)  # costs of the DCF
    miss_rate: float | None = None  # of bona fide speech that the operator accepts, where set

    @classmethod
    def of_scores(cls, champion: Scores | None, candidate: Scores) -> Evidence:
        """What two lists of scores say, as the frozen set: all that `antiphon compare` has."""
        return cls({EvaluationSet.FROZEN: Pair(candidate, champion)})
