"""What the evidence of a version says of it; it never changes, so it is read once."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from csv import DictReader
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.errors import AbsentError
from infra.model_versions import ModelVersion
from models.errors import InputError
from models.evaluation.plots import det_curve
from models.evaluation.scores import Scores, read_scores
from models.promotion import SETS
from models.trials import Label
from monitoring.console.evidence_views import page_of
from monitoring.console.keeping import kept
from monitoring.console.loop_facts import evidence_places
from monitoring.console.visit import Visit

FOR_S = 3_600.0
SCORES = "scores"  # the folder inside an evidence folder
POINTS = 200  # of a DET curve
MEASURES = ("eer", "min_dcf", "act_dcf", "cllr", "auc")


@dataclass(frozen=True)
class VersionFacts:
    """One version, as it was judged when it was registered."""

    version: int
    evidence: str  # the name of the folder
    report: Mapping[str, Any]
    trials: Mapping[str, str]  # evaluation set -> SHA-256 of its trials
    det: tuple[tuple[float, float], ...]  # deviates of false alarms and misses
    slices: Mapping[str, tuple[float, int]]  # misses (0-1) at its threshold, and trials

    @property
    def pooled(self) -> Mapping[str, float | None]:
        """Its measures over all trials."""
        return self.report.get("pooled") or {}

    @property
    def attacks(self) -> Mapping[str, float | None]:
        """EER of each attack."""
        rows = self.report.get("by_attack") or {}
        return {attack: row.get("eer") for attack, row in rows.items()}


def facts_of(visit: Visit, version: ModelVersion) -> VersionFacts:
    """Raises AbsentError or InputError where its evidence is gone or unreadable."""
    key = ("version", version.version, version.source)
    return kept(visit.desk, key, FOR_S, lambda: _read(visit, version))


def _read(visit: Visit, version: ModelVersion) -> VersionFacts:
    name = evidence_places(visit.engine).get(str(version.run_id))
    if name is None:
        raise AbsentError("the audit log knows no evidence of its run")
    folder = page_of(visit, name).parent
    report, rest = (_json(folder / file) for file in ("report.json", "evidence.json"))
    by_slice = dict(_slices(folder, report.get("threshold")))
    frozen = folder / SCORES / "frozen.candidate.csv.gz"
    curve = _det(read_scores(frozen)) if frozen.is_file() else ()
    return VersionFacts(version.version, name, report, rest.get("versions") or {}, curve, by_slice)


def _det(scores: Scores) -> tuple[tuple[float, float], ...]:
    if not len(scores.bonafide) or not len(scores.spoof):
        return ()
    rows = det_curve(scores)
    step = max(1, len(rows) // POINTS)
    chosen = [*rows[::step], rows[-1]]
    points = [(float(r["false_alarm_deviate"]), float(r["miss_deviate"])) for r in chosen]
    return (*(a for a, b in pairwise(points) if a != b), points[-1])


def _slices(folder: Path, threshold: float | None) -> Iterator[tuple[str, tuple[float, int]]]:
    """Misses of bona fide speech in each slice of each set."""
    if threshold is None:
        return
    for name in SETS:
        scores_file = folder / SCORES / f"{name.value}.candidate.csv.gz"
        slices_file = folder / SCORES / f"{name.value}.slices.json"
        if not scores_file.is_file() or not slices_file.is_file():
            continue
        bonafide, scores = _one_class_or_both(scores_file)
        for part, rows in _json(slices_file).items():
            where = np.asarray(rows, dtype=np.int64)
            misses = _misses(scores[_inside(where, bonafide)], threshold)
            if misses is not None:
                yield f"{part} ({name.value})", misses


def _one_class_or_both(path: Path) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Which trials (n,) are bona fide, and cm_scores (n,); a set of slices may have one class."""
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
            rows = [
                (row["label"] == Label.BONAFIDE, float(row["cm_score"]))
                for row in DictReader(stream)
            ]
    except (OSError, EOFError, KeyError, ValueError) as error:
        raise InputError(f"{path}: scores with label and cm_score expected ({error})") from error
    return np.array([r[0] for r in rows], bool), np.array([r[1] for r in rows], np.float64)


def _inside(rows: NDArray[np.int64], bonafide: NDArray[np.bool_]) -> NDArray[np.int64]:
    inside = rows[(rows >= 0) & (rows < bonafide.size)]
    return inside[bonafide[inside]]


def _misses(scores: NDArray[np.float64], threshold: float) -> tuple[float, int] | None:
    return (float((scores < threshold).mean()), int(scores.size)) if scores.size else None


def _json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: a JSON document expected ({error})") from error
    return document if isinstance(document, dict) else {}
