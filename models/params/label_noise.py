"""`label_noise` in params.yaml: how `antiphon label-noise` looks for wrong labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, StrictInt
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, Key


@dataclass(frozen=True, config=CLOSED)
class LabelNoiseParams:
    """Which detector says what it thinks of trials that it has not heard, and how they are parted.

    `configured` is the detector of the sections `detector`, `training` and so on; another name is
    one of DETECTORS with `options` and crops of
    two seconds, without augmentations, copies or hardening.
    """

    detector: str = Field(
        default="lfcc-gmm",
        description="a quick one of models.detectors.DETECTORS, or `configured`",
    )
    options: Mapping[Key, Any] | None = Field(
        default=None,
        description="keyword arguments of the quick one; null: those of a small lfcc-gmm",
    )
    folds: StrictInt = Field(default=5, ge=3, le=1_000)
    apart: Literal["speakers", "recordings"] = Field(
        default="recordings", description="what is not heard of those that are judged"
    )
