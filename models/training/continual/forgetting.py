"""How much a sequence of detectors forgot, from the EER of each attack after each stage.

R[t, j] is the EER of attack j after stage t, and s(j) the stage that first learnt from attack j.
The measures were made for accuracies; with an EER, where lower is better, signs turn:

    average forgetting  mean of R[T, j] − min over t < T of R[t, j]      (Chaudhry et al. 2018)
    backward transfer   mean of R[s(j), j] − R[T, j]                     (Lopez-Paz & Ranzato 2017)
    forward transfer    mean of R_first[j] − R[s(j) − 1, j]              (the same)

T is the last stage. The first two are over attacks with s(j) < T, the last over those with
s(j) > 0. R_first is a detector that knows nothing: an EER of 0.5 where none was measured.
Forgetting is bad where positive, the two transfers are good where positive. An attack that no stage
has learnt from is in the table and in no measure of forgetting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from models.errors import InputError

CHANCE = 0.5
Eers = Mapping[str, float]  # attack -> EER, 0-1


@dataclass(frozen=True)
class ForgettingMatrix:
    """EERs of attacks after each stage, the last stage last; an attack may be missing in some."""

    stages: tuple[str, ...]
    eers: tuple[Eers, ...]  # one for each stage
    learnt: Mapping[str, int]  # attack -> the stage that first learnt from it

    def __post_init__(self) -> None:
        """Refuse stages without figures."""
        if not self.stages or len(self.stages) != len(self.eers):
            raise InputError(
                f"forgetting: EERs of each of {len(self.stages)} stages expected, "
                f"found {len(self.eers)}"
            )

    @property
    def attacks(self) -> tuple[str, ...]:
        """All that were measured, in the order they were learnt from; unlearnt ones last."""
        names = {attack for row in self.eers for attack in row}
        last = len(self.stages)
        return tuple(sorted(names, key=lambda name: (self.learnt.get(name, last), name)))

    @property
    def mean_eer(self) -> float | None:
        """Mean over attacks of the EER after the last stage."""
        return _mean(self.eers[-1].values())

    @property
    def average_forgetting(self) -> float | None:
        """How much worse the last stage is than the best before it, over attacks learnt before."""
        return _mean(self._lost(attack) for attack in self._learnt_before_last())

    @property
    def backward_transfer(self) -> float | None:
        """How much better the last stage is than the one that learnt, over the same attacks."""
        return _mean(self._gained(attack) for attack in self._learnt_before_last())

    def forward_transfer(self, first: Eers | None = None) -> float | None:
        """How much better than `first` attacks were detected before they were learnt from."""
        late = [(a, s) for a, s in self.learnt.items() if s > 0 and a in self.eers[s - 1]]
        return _mean((first or {}).get(a, CHANCE) - self.eers[s - 1][a] for a, s in late)

    def to_json(self) -> dict[str, Any]:
        """The table and its measures, as a report holds them."""
        return {
            "stages": list(self.stages),
            "eer": [dict(sorted(row.items())) for row in self.eers],
            "learnt": dict(sorted(self.learnt.items())),
            "mean_eer": self.mean_eer,
            "average_forgetting": self.average_forgetting,
            "backward_transfer": self.backward_transfer,
            "forward_transfer": self.forward_transfer(),
        }

    def rows(self) -> list[dict[str, float | str]]:
        """One row a stage: its name, and the EER of each attack (empty: not measured)."""
        return [
            {"stage": stage, **{attack: row.get(attack, "") for attack in self.attacks}}
            for stage, row in zip(self.stages, self.eers, strict=True)
        ]

    def _learnt_before_last(self) -> list[str]:
        last = len(self.stages) - 1
        return [a for a in self.attacks if a in self.eers[-1] and self.learnt.get(a, last) < last]

    def _lost(self, attack: str) -> float | None:
        before = [row[attack] for row in self.eers[:-1] if attack in row]
        return self.eers[-1][attack] - min(before) if before else None

    def _gained(self, attack: str) -> float | None:
        row = self.eers[self.learnt[attack]]
        return row[attack] - self.eers[-1][attack] if attack in row else None


def _mean(values: Iterable[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return fmean(numbers) if numbers else None
