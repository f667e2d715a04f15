"""The typed results that a cycle hands from step to step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

# full: the stages of dvc.yaml; fast: the last layer of the champion alone
CyclePath = Literal["full", "fast"]


class CycleRequest(BaseModel):
    """Who or what asks for a cycle, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # forced: run the cycle even if an earlier one had the same inputs
    trigger: Literal["drift", "schedule", "labels", "manual", "forced", "follow-up"] = "manual"
    reason: str = Field("requested by hand", min_length=1)


@dataclass(frozen=True)
class Champion:
    """The version that serves, with its detector folder on this machine."""

    version: int
    folder: Path


@dataclass(frozen=True)
class CycleInputs:
    """What a cycle's verdict depends on, known before anything is trained."""

    dataset: str  # the dataset version
    champion: Champion | None
    sha256: str  # of dataset, params, pretrained weights, code, champion and path
    path: CyclePath = "full"


@dataclass(frozen=True)
class Candidate:
    """A trained, exported and evaluated detector that is in no registry yet."""

    run_id: str
    dataset: str  # the dataset version it learnt from
    pipeline: Path  # the folders that the stages wrote


class CycleOutcome(BaseModel):
    """What became of one flow run."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    outcome: Literal[
        "promoted",
        "unconfirmed",
        "rejected",
        "shadow",
        "approval wanted",
        "unchanged",
        "nothing waited",
        "waits",
    ]
    reason: str
    cycle_id: str | None = None
    inputs: str | None = None  # SHA-256; None: the champion was another one when it was judged
    path: CyclePath = "full"
    run_id: str | None = None
    dataset: str | None = None
    champion: int | None = None  # the version that was compared
    version: int | None = None  # the version that was registered
    verdict: dict[str, Any] | None = None
    rollout: str | None = None
