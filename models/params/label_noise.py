"""`label_noise` in params.yaml: how `antiphon label-noise` looks for wrong labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class LabelNoiseParams:
    """Which detector says what it thinks of trials that it has not heard, and how they are parted.

    `configured` is the detector of the sections `detector`, `training` and so on; another name is
    one of DETECTORS with `options` and `crop_samples`, without augmentations, copies or hardening.
    """

    detector: str = "lfcc-gmm"
    options: Mapping[str, Any] = field(
        default_factory=lambda: {"components": 64, "highest_hz": 8000.0}
    )
    crop_samples: int = 32_000
    folds: int = 5
    seeds: int = 1
    apart: Literal["speakers", "recordings"] = "recordings"


LABEL_NOISE_BOUNDS: dict[str, tuple[float, float]] = {
    "label_noise.crop_samples": (8_000, 1_600_000),
    "label_noise.folds": (3, 1_000),
    "label_noise.seeds": (1, 1_000),
}
