"""`detector` in params.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, Key


@dataclass(frozen=True, config=CLOSED)
class DetectorParams:
    """Which detector, and its keyword arguments."""

    name: str = Field(default="aasist", description="a key of models.detectors.DETECTORS")
    options: Mapping[Key, Any] = Field(
        default_factory=dict, description="keyword arguments of its class"
    )
