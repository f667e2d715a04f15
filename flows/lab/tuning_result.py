"""What a search is asked for, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flows.lab.search_spaces import nested, with_values
from flows.lab.studies import Draws
from models.params.tree import Params


@dataclass(frozen=True)
class TuningRequest:
    """A corpus, a folder, and how many trials to finish."""

    protocol: str
    root: Path
    out: Path
    trials: int
    draws: Draws


@dataclass(frozen=True)
class TrialResult:
    """One trial."""

    number: int
    state: str  # complete, pruned or fail
    dev_eer: float | None  # 0–1, of its best epoch; None where it failed
    epochs: int
    values: Mapping[str, Any]


@dataclass(frozen=True)
class TuningResult:
    """The trials of a search and the best of them."""

    params: Params  # that the values of a trial change
    tried: tuple[TrialResult, ...]
    best: TrialResult

    @property
    def piece(self) -> dict[str, Any]:
        """The best as a part of params.yaml, with all options of the detector."""
        chosen = with_values(self.params, self.best.values, "tune").detector
        document = {"detector": {"name": chosen.name, "options": dict(chosen.options)}}
        return document | {
            section: keys
            for section, keys in nested(self.best.values).items()
            if section != "detector"
        }

    def to_json(self) -> dict[str, Any]:
        """One object; rates are in 0–1."""
        return {
            "detector": self.params.detector.name,
            "trials": [asdict(trial) for trial in self.tried],
            "best": {**asdict(self.best), "params": self.piece},
        }
