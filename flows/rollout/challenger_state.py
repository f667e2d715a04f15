"""What is known of the challenger now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Engine

from flows.rollout.gains import class_weights, gains, judged
from infra import shadows
from infra.model_versions import ModelVersion
from infra.shadows import Disagreement, ShadowTerms
from infra.tables import ShadowLook
from models.promotion.sequential import SequentialResult, sequential_test


class ShadowState(BaseModel):
    """One look at the challenger, for a person or a script."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    state: Literal["no challenger", "without a verdict", "in shadow", "ended"]
    sentence: str
    version: int | None = None
    champion: int | None = None  # that it was compared with
    days_left: float | None = None
    e_value: float | None = None
    needed: float | None = None  # e-value that promotes
    observations: int | None = None  # speakers or sources whose labels have counted
    labels: int | None = None  # reviewed recordings of which both say different things
    waiting: int | None = None  # such recordings that nobody has judged
    agreed: dict[str, int] | None = None  # recordings that both call bonafide, or spoof


@dataclass(frozen=True)
class Findings:
    """What both detectors and the reviewers have said so far."""

    shadow: ShadowTerms
    looks: list[ShadowLook]
    agreed: dict[str, int]
    disagreements: list[Disagreement]

    @cached_property
    def new(self) -> list[Disagreement]:
        """What counts from this look on."""
        counted = {recording for look in self.looks for recording in look.recordings}
        return judged(self.disagreements, counted)

    @cached_property
    def gains(self) -> list[float]:
        """The observations of this look."""
        return gains(self.new, class_weights(self.agreed, self.disagreements))

    @cached_property
    def test(self) -> SequentialResult:
        """The test over all looks, this one included."""
        before = [gain for look in self.looks for gain in look.gains]
        return sequential_test([*before, *self.gains], self.shadow.level)

    @property
    def labels(self) -> int:
        """Reviewed recordings that have counted, this look included."""
        return sum(len(look.recordings) for look in self.looks) + len(self.new)

    @property
    def observations(self) -> int:
        """Of the sequential test."""
        return sum(len(look.gains) for look in self.looks) + len(self.gains)

    @property
    def sentence(self) -> str:
        """The figures for a person."""
        return (
            f"{self.labels} labels where version {self.shadow.version} and version "
            f"{self.shadow.champion} disagree, {self.observations} speakers or sources, "
            f"an e-value of {self.test.e_value:.3g} where {self.test.needed:.3g} promotes"
        )


def find(database: Engine, shadow: ShadowTerms) -> Findings:
    """Read what was said of a shadow."""
    return Findings(
        shadow,
        shadows.looks(database, shadow.id),
        shadows.agreements(database, shadow),
        shadows.disagreements(database, shadow),
    )


def describe(database: Engine, challenger: ModelVersion | None) -> ShadowState:
    """What `antiphon shadow` says; changes nothing."""
    if challenger is None:
        last = shadows.last_decision(database)
        before = f"; version {last.model_version}: {last.decision}, {last.reason}" if last else ""
        return ShadowState(state="no challenger", sentence=f"no version runs in shadow{before}")
    shadow = ShadowTerms.of(challenger)
    if shadow is None:
        return ShadowState(
            state="without a verdict",
            sentence=f"version {challenger.version} has the alias challenger by hand: it listens, "
            "and nothing is decided about it",
            version=challenger.version,
        )
    findings = find(database, shadow)
    remaining_days = (shadow.deadline - datetime.now(UTC)).total_seconds() / 86_400
    return ShadowState(
        state="in shadow",
        sentence=findings.sentence,
        version=shadow.version,
        champion=shadow.champion,
        days_left=max(remaining_days, 0.0),
        e_value=findings.test.e_value,
        needed=findings.test.needed,
        observations=findings.observations,
        labels=findings.labels,
        waiting=sum(item.waits for item in findings.disagreements),
        agreed=findings.agreed,
    )


def ended(shadow: ShadowTerms, sentence: str) -> ShadowState:
    """What a look says that has decided."""
    return ShadowState(
        state="ended", sentence=sentence, version=shadow.version, champion=shadow.champion
    )
