"""What a window showed of each signal, and the kind of drift that follows, as sentences.

Covariate drift: what arrives has moved. Label drift: only the share of spoofs has, which moves the
rest with it. Concept drift: reviewed labels contradict the verdicts though what arrives has not
moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from monitoring.signals import (
    DOMAIN_AUC,
    KNOWN_FALSE_ALARMS,
    KNOWN_MISSES,
    MMD,
    SHARE,
    SPOOF_SHARE,
    Signal,
    SignalGroup,
)

NAMED = 4  # signals in a sentence, the farthest over their limits first
_ERRORS = (KNOWN_MISSES.name, KNOWN_FALSE_ALARMS.name)


class Kind(StrEnum):
    """What moved, as far as the signals tell."""

    COVARIATE = "covariate"
    LABEL = "label"
    CONCEPT = "concept"
    SCORE = "score"


@dataclass(frozen=True, slots=True)
class SignalFinding:
    """One signal in a window."""

    signal: Signal
    value: float
    threshold: float
    n: int  # requests that the value rests on
    in_a_row: int = 0  # windows up to this one in which it was over its limit

    @property
    def moved(self) -> bool:
        """Whether it is over its limit."""
        return self.value > self.threshold

    @property
    def of_limit(self) -> float:
        """The value in shares of the limit; an AUC counts from one half."""
        floor = 0.5 if self.signal is DOMAIN_AUC else 0.0
        return (self.value - floor) / max(self.threshold - floor, 1e-9)

    @property
    def phrase(self) -> str:
        """Its name, value, limit and number of requests."""
        unit = (
            "" if self.signal.unit in (SHARE, MMD.unit, DOMAIN_AUC.unit) else f" {self.signal.unit}"
        )
        return (
            f"{self.signal.name} {self.value:.2f}{unit}, limit {self.threshold:.2f}, "
            f"{self.n} requests"
        )

    def to_json(self) -> dict[str, Any]:
        """Its part of the report."""
        return {
            "name": self.signal.name,
            "group": self.signal.group.value,
            "unit": self.signal.unit,
            "value": self.value,
            "threshold": self.threshold,
            "n": self.n,
            "moved": self.moved,
            "in_a_row": self.in_a_row,
        }


def kinds_of(moved: Sequence[SignalFinding], explained: bool) -> tuple[Kind, ...]:
    """The kinds of drift of signals over their limits.

    `explained`: with the reference weighted to the window's share of spoofs, no input and no
    embedding is over its limit.
    """
    names = {finding.signal.name for finding in moved}
    groups = {finding.signal.group for finding in moved}
    kinds: list[Kind] = []
    inputs = bool(groups & {SignalGroup.INPUT, SignalGroup.EMBEDDING})
    prior = SPOOF_SHARE.name in names
    if inputs and not (prior and explained):
        kinds.append(Kind.COVARIATE)
    if prior and (explained or not inputs):
        kinds.append(Kind.LABEL)
    if names & set(_ERRORS) and Kind.COVARIATE not in kinds:
        kinds.append(Kind.CONCEPT)
    return tuple(kinds) or ((Kind.SCORE,) if moved else ())


def sentences(moved: Sequence[SignalFinding], kinds: Sequence[Kind]) -> tuple[str, ...]:
    """One sentence for each kind, with its signals."""
    return tuple(_SENTENCES[kind](moved) for kind in kinds)


def _covariate(moved: Sequence[SignalFinding]) -> str:
    groups = [group for group in (SignalGroup.INPUT, SignalGroup.EMBEDDING) if _in(moved, group)]
    subject = " and ".join(
        {SignalGroup.INPUT: "inputs", SignalGroup.EMBEDDING: "embeddings"}[g] for g in groups
    )
    rest = [f for f in moved if f.signal.group in groups]
    errors = [f for f in moved if f.signal.name in _ERRORS]
    also = f"; reviewed labels contradict verdicts: {_listed(errors)}" if errors else ""
    return f"covariate drift: {subject} moved: {_listed(rest)}{also}"


def _label(moved: Sequence[SignalFinding]) -> str:
    (prior,) = (f for f in moved if f.signal.name == SPOOF_SHARE.name)
    others = _in(moved, SignalGroup.INPUT) or _in(moved, SignalGroup.EMBEDDING)
    why = "it explains what else moved" if others else "inputs and embeddings did not"
    return f"label drift: the estimated share of spoofs moved, and {why}: {prior.phrase}"


def _concept(moved: Sequence[SignalFinding]) -> str:
    errors = [f for f in moved if f.signal.name in _ERRORS]
    return f"concept drift: reviewed labels contradict verdicts at stable inputs: {_listed(errors)}"


def _score(moved: Sequence[SignalFinding]) -> str:
    return (
        "score drift: verdicts moved, inputs and embeddings did not; reviewed labels would tell "
        f"concept drift from label drift: {_listed(moved)}"
    )


_SENTENCES = {
    Kind.COVARIATE: _covariate,
    Kind.LABEL: _label,
    Kind.CONCEPT: _concept,
    Kind.SCORE: _score,
}


def _in(moved: Sequence[SignalFinding], group: SignalGroup) -> bool:
    return any(finding.signal.group is group for finding in moved)


def _listed(findings: Sequence[SignalFinding]) -> str:
    """The farthest over their limits in words, and how many more."""
    ordered = sorted(findings, key=lambda finding: finding.of_limit, reverse=True)
    more = f"; {len(ordered) - NAMED} more" if len(ordered) > NAMED else ""
    return "; ".join(finding.phrase for finding in ordered[:NAMED]) + more
