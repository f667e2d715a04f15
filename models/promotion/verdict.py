"""The answer of the gate: one decision, the checks it rests on, and the figures behind them.

Every difference is candidate − champion: below zero, the candidate errs less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from models.evaluation.costs import Costs
from models.evaluation.metrics.delong import AucDifference
from models.promotion.evidence import EvaluationSet


class Decision(StrEnum):
    """What becomes of a candidate."""

    PROMOTE = "promote"
    REJECT = "reject"
    SHADOW = "shadow"  # it runs beside the champion on live traffic until that is decided


class Finding(StrEnum):
    """The result of a check."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"  # too small to decide: said, and not counted
    ABSENT = "absent"  # nothing was there to look at: never the same as passed


@dataclass(frozen=True)
class Comparison:
    """Both detectors on the same bona fide trials and spoofs (rates 0-1)."""

    eer_champion: float
    eer_candidate: float
    difference: float
    interval: tuple[float, float]  # two-sided
    trials: int  # spoofs


@dataclass(frozen=True)
class Check:
    """One veto, looked at."""

    kind: str  # attack, sentinel, bonafide, adversarial, calibration, operating-point, cost, golden
    name: str  # "A07", "language=fr", "cllr", "latency" …
    finding: Finding
    sentence: str
    champion: float | None = None
    candidate: float | None = None
    difference: float | None = None
    bound: float | None = None  # one-sided upper bound of the difference
    margin: float | None = None
    trials: int | None = None


@dataclass(frozen=True)
class Superiority:
    """Whether the pooled EER falls beyond chance (rates 0-1)."""

    evaluation_set: str  # "frozen", "rolling" or "frozen and rolling"
    eer_champion: float
    eer_candidate: float
    difference: float
    level: float  # one-sided
    bound: float  # one-sided upper bound of the difference
    interval: tuple[float, float]  # two-sided, for people
    confidence: float  # of that interval
    share_below: float  # of the resampled differences that lie below zero
    bonafide: int  # trials
    spoof: int  # trials
    clusters: int  # speakers or sources
    auc: AucDifference | None = None  # DeLong's test, which knows no clusters


@dataclass(frozen=True)
class Budget:
    """The error budget of one version of an evaluation set: levels add up (union bound)."""

    version: str
    spent: float  # by earlier comparisons
    spends: float  # by this one
    limit: float

    @property
    def left(self) -> float:
        """The part of the limit that is left before this comparison."""
        return max(self.limit - self.spent, 0.0)

    @property
    def worn_out(self) -> bool:
        """Whether this comparison asks for more than is left."""
        return self.spends > self.left + 1e-9  # sums of levels round

    def to_json(self) -> dict[str, Any]:
        """All fields, and the derived values."""
        return {**asdict(self), "left": self.left, "worn_out": self.worn_out}


@dataclass(frozen=True)
class Verdict:
    """The answer, the reason in one sentence, and the figures behind it."""

    decision: Decision
    reason: str
    superiority: Superiority | None = None  # None: there was no champion
    checks: tuple[Check, ...] = ()
    by_attack: Mapping[str, Comparison] = field(default_factory=dict)
    budgets: Mapping[EvaluationSet, Budget] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    costs: Costs | None = None
    first_eer: float | None = None  # of a candidate that met no champion

    @property
    def promote(self) -> bool:
        """Whether the candidate takes the champion's place now."""
        return self.decision is Decision.PROMOTE

    @property
    def eer_candidate(self) -> float | None:
        """On the set that superiority was looked for on."""
        return self.superiority.eer_candidate if self.superiority else self.first_eer

    @property
    def eer_champion(self) -> float | None:
        """Likewise; None where there was no champion."""
        return self.superiority.eer_champion if self.superiority else None

    @property
    def difference(self) -> float | None:
        """Of the EERs; None where there was no champion."""
        return self.superiority.difference if self.superiority else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Two-sided, of the difference; None where there was no champion."""
        return self.superiority.interval if self.superiority else None

    @property
    def vetoes(self) -> tuple[Check, ...]:
        """The checks that fail."""
        return tuple(check for check in self.checks if check.finding is Finding.FAILS)

    def to_json(self) -> dict[str, Any]:
        """The object `antiphon compare --json` prints."""
        shown = self.superiority
        vetoing = {check.name for check in self.vetoes if check.kind == "attack"}
        document: dict[str, Any] = {
            "verdict": self.decision.value,
            "reason": self.reason,
            "eer_champion": self.eer_champion,
            "eer_candidate": self.eer_candidate,
            "difference": self.difference,
            "interval": shown and list(shown.interval),
            "superiority": shown and {**asdict(shown), "interval": list(shown.interval)},
            "checks": [asdict(check) for check in self.checks],
            "by_attack": {
                attack: {
                    **asdict(comparison),
                    "interval": list(comparison.interval),
                    "veto": attack in vetoing,
                }
                for attack, comparison in self.by_attack.items()
            },
            "budgets": {name.value: budget.to_json() for name, budget in self.budgets.items()},
        }
        if self.costs:
            document["costs"] = asdict(self.costs)
        return {**document, "warnings": list(self.warnings)} if self.warnings else document
