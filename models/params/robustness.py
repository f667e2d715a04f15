"""The section `robustness` of params.yaml: how a detector itself is attacked in its evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from models.errors import InputError

# the keys of models.adversarial.ATTACKS_ON_DETECTORS, without torch
OnDetectors: TypeAlias = Literal["fgsm", "fgsm-rs", "pgd", "pgd-linf", "apgd", "square", "nes"]
InReports: TypeAlias = Literal[OnDetectors, "universal"]
InHardening: TypeAlias = Literal[OnDetectors, "free"]


@dataclass(frozen=True)
class RobustnessParams:
    """What is tried; on how many trials, and at which SNR first, says `evaluation`."""

    attacks: tuple[InReports, ...] = ("fgsm", "pgd")
    snrs_db: tuple[float, ...] = ()
    steps: int = 5
    queries: int = 60
    universal_steps: int = 40
    champion: bool = True
    guard_trials: int = 8

    def check(self, origin: str) -> None:
        """Raise InputError naming the key that is out of bounds."""
        for snr_db in self.snrs_db:
            if not 0.0 <= snr_db <= 120.0:
                raise InputError(
                    f"{origin}: robustness.snrs_db: 0 to 120 expected, found {snr_db!r}"
                )
        for key in ("attacks", "snrs_db"):
            values = getattr(self, key)
            if len(set(values)) < len(values):
                raise InputError(f"{origin}: robustness.{key}: each once expected, found {values}")
