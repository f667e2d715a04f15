"""Evidence of a call that goes on: one log-likelihood ratio (llr) of all its windows so far.

Windows of a call are not independent: they overlap, and one voice on one line resembles itself. If
the llr of n windows are Gaussian and each two of them correlate by ρ within their class, the llr of
all of them is

    llr = mean * n / (1 + (n - 1) ρ)

With ρ = 0 it is the sum, with ρ = 1 the mean: a long call is at most 1/ρ times as sure as one
window. n counts windows' worth of speech that no earlier window had, so that neither overlap nor
silence counts. Less than one window counts in proportion: llr = mean * n.

A test that is sure begins anew, so that a voice that changes in the middle of a call is noticed.
docs/streams.md has ρ, and how often the test is wrong, as they were measured.
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
    def mean(self) -> float:
        """The mean llr of the windows, each by its new speech; 0 while there is none."""
        return self._weighted / self.amount if self.amount > 0.0 else 0.0

    @property
    def llr(self) -> float:
        """The llr of all windows; 0 while there is none."""
        return self._weighted / (1 + max(0.0, self.amount - 1) * self.correlation)


class RepeatedTest:
    """A sequential test of one channel, which begins anew whenever it has become sure."""

    def __init__(self, boundaries: Boundaries, correlation: float) -> None:
        self._boundaries, self._correlation = boundaries, correlation
        self._evidence = RunningEvidence(correlation)

    def add(self, llr: float, amount: float) -> SpeechVerdict | None:
        """A window, as in RunningEvidence; what the test is sure of with it, or None."""
        self._evidence.add(llr, amount)
        verdict = self._boundaries.sure_of(self._evidence.llr)
        if verdict is not None:
            self._evidence = RunningEvidence(self._correlation)
        return verdict
