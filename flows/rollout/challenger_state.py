"""What is known of the challenger now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Engine

from flows.rollout.gains import new_observations
from infra import shadow_calls, shadows
from infra.model_versions import ModelVersion
from infra.shadow_calls import Disagreement
from infra.shadows import ShadowTerms
from infra.tables import ShadowLook
from models.promotion.live_calls import Observation
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
    observations: int | None = None  # groups of calls, of both classes, with a label
    labels: int | None = None  # reviewed first calls on which the detectors disagree that count
    waiting: int | None = None  # such calls that nobody has judged
    agreed: dict[str, int] | None = None  # recordings that both call bonafide, or spoof


@dataclass(frozen=True)
class Findings:
    """What both detectors and the reviewers have said so far."""

    shadow: ShadowTerms
    looks: list[ShadowLook]
    agreed: dict[str, int]
    calls: list[str | Disagreement]  # the first of each caller, as infra.shadow_calls tells them

    @cached_property
    def disagreements(self) -> list[Disagreement]:
        """The first calls on which champion and challenger differ."""
        return [call for call in self.calls if isinstance(call, Disagreement)]

    @cached_property
    def new(self) -> list[Observation]:
        """What counts from this look on."""
        counted = {recording for look in self.looks for recording in look.recordings}
        return new_observations(self.calls, counted)

    @cached_property
    def test(self) -> SequentialResult:
        """The test over all looks, this one included."""
        before = [gain for look in self.looks for gain in look.gains]
        return sequential_test([*before, *(new.gain for new in self.new)], self.shadow.level)

    @property
    def labels(self) -> int:
        """Reviewed recordings that have counted, this look included."""
        now = sum(len(observation.recordings) for observation in self.new)
        return sum(len(look.recordings) for look in self.looks) + now

    @property
    def observations(self) -> int:
        """Of the sequential test."""
        return sum(len(look.gains) for look in self.looks) + len(self.new)

    @property
    def sentence(self) -> str:
        """The figures for a person."""
        return (
            f"{self.labels} labels where version {self.shadow.version} and version "
            f"{self.shadow.champion} disagree on the first call of a speaker or source, "
            f"an e-value of {self.test.e_value:.3g} where {self.test.needed:.3g} promotes"
        )


def find(database: Engine, shadow: ShadowTerms) -> Findings:
    """Read what was said of a shadow."""
    return Findings(
        shadow,
        shadows.looks(database, shadow.id),
        shadow_calls.agreements(database, shadow),
        shadow_calls.first_calls(database, shadow),
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
