"""Verdicts by named policies: how sure an answer must be before it is given.

A policy is two log-likelihood ratios (llr, bona fide over spoof, of `Calibration.llr`). Below the
lower one the verdict is spoof, from the upper one on bona fide, between them uncertain.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from models.errors import InputError
from models.evaluation.calibration import Calibration
from models.files.manifest import POLICIES
from models.files.whole_files import write_json
from models.params.calibration import DEFAULT_POLICY, NO_CODEC, PolicyParams


class SpeechVerdict(StrEnum):
    """What is said of a recording or of a part of it."""

    BONAFIDE = "bonafide"
    SPOOF = "spoof"
    UNCERTAIN = "uncertain"  # too near the threshold
    UNSCORABLE = "unscorable"  # nothing in it that can be judged


@dataclass(frozen=True)
class Policy:
    """Two log-likelihood ratios; raises InputError where the lower one is not the lower."""

    name: str
    spoof_below: float  # llr
    bonafide_from: float  # llr

    def __post_init__(self) -> None:
        finite = math.isfinite(self.spoof_below) and math.isfinite(self.bonafide_from)
        if not finite or self.spoof_below > self.bonafide_from:
            raise InputError(
                f"policy {self.name}: a finite spoof_below at or below bonafide_from expected, "
                f"found {self.spoof_below} and {self.bonafide_from}"
            )

    def verdict(self, llr: float) -> SpeechVerdict:
        """The verdict on a log-likelihood ratio, bona fide over spoof."""
        if llr < self.spoof_below:
            return SpeechVerdict.SPOOF
        return SpeechVerdict.BONAFIDE if llr >= self.bonafide_from else SpeechVerdict.UNCERTAIN


@dataclass(frozen=True)
class Policies:
    """The policies of one detector by name; `default` is always one of them."""

    by_name: Mapping[str, Policy]

    @property
    def names(self) -> tuple[str, ...]:
        """Every name, `default` first."""
        return tuple(sorted(self.by_name, key=lambda name: (name != DEFAULT_POLICY, name)))

    def named(self, name: str) -> Policy:
        """The policy of a name; raises InputError with the names that there are."""
        try:
            return self.by_name[name]
        except KeyError:
            known = ", ".join(self.names)
            raise InputError(f"policy: no policy named '{name}'; known: {known}") from None


def threshold_alone(calibration: Calibration) -> Policies:
    """The policies of a detector that has none stored: `default`, at the operating threshold."""
    llr = calibration.llr_of(calibration.threshold)
    return Policies({DEFAULT_POLICY: Policy(DEFAULT_POLICY, llr, llr)})


def place_policies(
    calibration: Calibration,
    through: Mapping[str, Calibration],
    params: Mapping[str, PolicyParams],
) -> Policies:
    """The policies of params around the operating thresholds of a detector.

    A policy with a codec is placed around the threshold of `through[codec]`, which was fitted on
    dev through it, and its odds are those of that calibration. All are written as ratios of
    `calibration`: maps from a score to a ratio rise, so that the verdicts are the same.
    """
    placed = {}
    for name, row in params.items():
        own = calibration if row.codec == NO_CODEC else through[row.codec]
        centre = own.llr_of(own.threshold)
        bounds = (centre - math.log(row.spoof), centre + math.log(row.bonafide))
        below, above = (calibration.llr_of(own.score_of(llr)) for llr in bounds)
        placed[name] = Policy(name, below, max(below, above))  # rounding may swap equal ones
    return Policies(placed)


def write_policies(folder: Path, policies: Policies) -> None:
    """Write policies.json into a detector folder, whole or not at all."""
    rows = {name: asdict(policies.by_name[name]) for name in policies.names}
    for row in rows.values():
        del row["name"]
    write_json(folder / POLICIES, rows)


def read_policies(folder: Path) -> Policies:
    """The policies of a detector folder; raises InputError naming the file."""
    path = folder / POLICIES
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        policies = {name: Policy(name, **row) for name, row in document.items()}
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a table of policies ({error})") from error
    if DEFAULT_POLICY not in policies:
        raise InputError(f"{path}: a policy named '{DEFAULT_POLICY}' expected")
    return Policies(policies)
