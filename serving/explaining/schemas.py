"""The request and the answer of POST /v1/explain, field by field."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ExplainQuery(BaseModel):
    """What is explained, and how finely."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: float | None = Field(
        None,
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        description="A second of the recording: the window around it; else the most spoof-like.",
    )
    fine: bool = Field(
        False, description="8 bands by up to 12 times, and not 4 by 8: three times the work."
    )


class ExplainAnswer(BaseModel):
    """By how much the score moves towards bona fide without each part of one window."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, protected_namespaces=())

    model_version: int
    cm_score: float = Field(description="Of the window; higher is more bona fide.")
    spoof_probability: float
    start_s: float = Field(description="Where the window lies in the recording.")
    end_s: float
    edges_hz: list[float] = Field(description="Of the bands, lowest first.")
    edges_s: list[float] = Field(description="Of the times, in the recording.")
    values: list[list[float]] = Field(
        description="A row a band, a column a time: positive speaks for spoof."
    )
    over_hz: list[float] = Field(description="Without a whole band.")
    over_s: list[float] = Field(description="Without a whole time.")
