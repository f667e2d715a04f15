"""What a bake-off comes to, as types and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from flows.lab.bakeoff.latency import UTTERANCE
from models.audio.windows import cut_windows
from models.evaluation.report import build_report
from models.evaluation.scores import Scores
from models.files.manifest import GRAPH, WEIGHTS

if TYPE_CHECKING:
    from flows.lab.bakeoff.runs import MemberRun
    from models.evaluation.fold_report import FoldReport
    from models.evaluation.report import Report
    from models.evaluation.shortcuts import Shortcut
    from models.params.tree import Params
    from models.params.window import WindowParams


@dataclass(frozen=True)
class DetectorSize:
    """What a detector weighs."""

    parameters: int
    macs: int  # of all windows of an utterance of UTTERANCE samples
    weights_bytes: int
    graph_bytes: int


@dataclass(frozen=True)
class Training:
    """What the budget was spent on."""

    epochs: int
    steps: int  # 0: it was estimated in one go
    spent_s: float


@dataclass(frozen=True)
class Row:
    """What is known of one member; where it failed, as far as it came."""

    name: str
    detector: str
    training: Training | None = None
    size: DetectorSize | None = None
    scores: Scores | None = field(default=None, repr=False)  # of eval
    report: Report | None = None
    unmet: FoldReport | None = None
    failure: str | None = None

    def judged(self, run: MemberRun, params: Params, scores: Scores) -> Row:
        """With the figures of a trained detector."""
        epochs = params.training.epochs
        steps = epochs * params.training.steps_per_epoch if run.takes_steps else 0
        return replace(
            self,
            training=Training(epochs, steps, run.spent_s()),
            size=_size(run, params.window),
            scores=scores,
            report=build_report(scores, params.evaluation),
        )

    def with_unmet(self, unmet: FoldReport) -> Row:
        """With the figures of attacks that were left out."""
        return replace(self, unmet=unmet)

    def failed(self, reason: str) -> Row:
        """With the reason why there is not more of it."""
        return replace(self, failure=reason)


@dataclass(frozen=True)
class BakeOff:
    """All members, under one budget."""

    protocol: str
    budget_s: float  # of each training
    clock: str
    processor: str
    folds: tuple[str, ...]  # names of what is left out
    rows: tuple[Row, ...]
    latency_ms: Mapping[str, float]  # of one core, for an utterance of UTTERANCE samples
    shortcuts: tuple[Shortcut, ...]  # of the whole corpus

    @property
    def failed(self) -> bool:
        """Whether any member did."""
        return any(row.failure for row in self.rows)

    def to_json(self) -> dict[str, Any]:
        """One object; rates are in 0–1."""
        return {
            "protocol": self.protocol,
            "budget_s": self.budget_s,
            "clock": self.clock,
            "processor": self.processor,
            "utterance_samples": UTTERANCE,
            "left_out": list(self.folds),
            "shortcuts": [asdict(shortcut) for shortcut in self.shortcuts],
            "detectors": [self._row(row) for row in self.rows],
        }

    def _row(self, row: Row) -> dict[str, Any]:
        return {
            "name": row.name,
            "detector": row.detector,
            "training": asdict(row.training) if row.training else None,
            "size": asdict(row.size) if row.size else None,
            "latency_ms": self.latency_ms.get(row.name),
            "report": row.report.to_json() if row.report else None,
            "unmet": row.unmet.to_json() if row.unmet else None,
            "failure": row.failure,
        }


def _size(run: MemberRun, window: WindowParams) -> DetectorSize:
    from models.detectors.complexity import complexity  # torch
    from models.packaging.checkpoint import load_detector

    counted = complexity(load_detector(run.detector), window.samples)
    windows = len(cut_windows(np.zeros(UTTERANCE, np.float32), window))
    return DetectorSize(
        parameters=counted.parameters,
        macs=counted.macs * windows,
        weights_bytes=(run.detector / WEIGHTS).stat().st_size,
        graph_bytes=(run.detector / GRAPH).stat().st_size,
    )
