"""Evidence of a call that goes on: one log-likelihood ratio (llr) of all its windows so far.

Windows of a call are not independent: they overlap, and one voice on one line resembles itself. If
the llr of n windows are Gaussian and each two of them correlate by ρ within their class, the llr of
all of them is

    llr = mean * n / (1 + (n - 1) ρ)

With ρ = 0 it is the sum, with ρ = 1 the mean: a long call is at most 1/ρ times as sure as one
window. n counts windows' worth of speech that no earlier window had, so that neither overlap nor
silence counts, and half a window counts less than one. docs/streams.md has ρ as it was measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from models.evaluation.policies import Policy, SpeechVerdict


@dataclass(frozen=True)
class Boundaries:
    """Where a sequential test is sure: llr, bona fide over spoof."""

    spoof: float  # at or below: spoof
    bonafide: float  # at or above: bona fide

    @classmethod
    def around(cls, policy: Policy, error: float) -> Boundaries:
        """Those of Wald's test with an error rate (0-0.5) for both classes, beyond a policy's."""
        margin = math.log((1 - error) / error)
        return cls(policy.spoof_below - margin, policy.bonafide_from + margin)

    def sure_of(self, llr: float) -> SpeechVerdict | None:
        """The verdict that needs no further evidence; None while there is none."""
        if llr <= self.spoof:
            return SpeechVerdict.SPOOF
        return SpeechVerdict.BONAFIDE if llr >= self.bonafide else None


@dataclass
class RunningEvidence:
    """What the windows of one channel add up to."""

    correlation: float  # ρ, 0-1
    amount: float = 0.0  # n, windows' worth of speech
    _weighted: float = 0.0  # the sum of llr times amount

    def add(self, llr: float, amount: float) -> None:
        """A window's llr, and how many windows' worth of speech in it is new."""
        self.amount += amount
        self._weighted += llr * amount

    @property
    def llr(self) -> float:
        """The llr of all windows; 0 while there is none."""
        if self.amount <= 0.0:
            return 0.0
        return self._weighted / (1 + (self.amount - 1) * self.correlation)
