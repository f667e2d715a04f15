"""`label_noise` in params.yaml: how `antiphon label-noise` looks for wrong labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, StrictInt
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, Key


def _options() -> dict[str, Any]:
    return {"components": 64, "highest_hz": 8000.0}


@dataclass(frozen=True, config=CLOSED)
class LabelNoiseParams:
    """Which detector says what it thinks of trials that it has not heard, and how they are parted.

    `configured` is the detector of the sections `detector`, `training` and so on; another name is
    one of DETECTORS with `options` and `crop_samples`, without augmentations, copies or hardening.
    """

    detector: str = Field(
        default="lfcc-gmm",
        description="a quick one of models.detectors.DETECTORS, or `configured`",
    )
    options: Mapping[Key, Any] = Field(
        default_factory=_options, description="keyword arguments of the quick one"
    )
    crop_samples: StrictInt = Field(
        default=32_000,
        ge=8_000,
        le=1_600_000,
        description="of the quick one, which also scores windows of that length",
    )
    folds: StrictInt = Field(default=5, ge=3, le=1_000)
    seeds: StrictInt = Field(
        default=1,
        ge=1,
        le=1_000,
        description="trainings of each fold, whose answers are averaged",
    )
    apart: Literal["speakers", "recordings"] = Field(
        default="recordings", description="what is not heard of those that are judged"
    )
