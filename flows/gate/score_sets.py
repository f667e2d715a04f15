"""Both detectors on every evaluation set, scored now through the graphs that production runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from flows.candidate.detector_folders import score_exported
from infra.comparisons import no_trials
from models.promotion import EvaluationSet, Pair
from models.promotion.evaluation_sets import EVAL, JudgingSets, TrialSet, clip_hashes

if TYPE_CHECKING:
    from models.evaluation.scores import Scores
    from models.packaging.runtime import ExportedDetector

_MAY_DECIDE = (EvaluationSet.FROZEN, EvaluationSet.ROLLING)


def score_sets(
    judging: JudgingSets,
    detectors: Mapping[str, ExportedDetector],
    notes: Mapping[str, tuple[str, ...]],
    eval_scores: Scores | None = None,
) -> dict[EvaluationSet, Pair]:
    """The scores of `candidate`, and of `champion` where there is one, on every set that is there.

    `notes` are what readers must be told of each detector, on the sets that may decide;
    `eval_scores` are the candidate's of eval, where they were made just now.
    """
    recent = {"candidate": eval_scores}
    by_detector = {
        name: _score_parts(name, exported, judging, recent.get(name))
        for name, exported in detectors.items()
    }
    with_champion = "champion" in detectors
    hashes = {part: clip_hashes(clips) for part, clips in judging.parts.items()}
    return {
        name: Pair(
            _on_set(rows, "candidate", by_detector, notes),
            _on_set(rows, "champion", by_detector, notes) if with_champion else None,
            rows.slices,
            rows.version(hashes),
            rows.trials(hashes) if name in _MAY_DECIDE else no_trials(),
        )
        for name, rows in judging.sets.items()
    }


def _score_parts(
    name: str, exported: ExportedDetector, judging: JudgingSets, eval_scores: Scores | None
) -> dict[str, Scores]:
    """What a detector says of each part; no clip goes through it twice."""
    scores = {}
    for part, clips in judging.parts.items():
        if part == EVAL and eval_scores is not None:
            place = {i: row for row, i in enumerate(eval_scores.utterance_ids)}
            scores[part] = eval_scores.take(np.array([place[i] for i in clips.utterance_ids]))
        else:
            scores[part] = score_exported(exported, clips, progress=f"{part}: the {name}")
    return scores


def _on_set(
    rows: TrialSet,
    name: str,
    by_detector: Mapping[str, Mapping[str, Scores]],
    notes: Mapping[str, tuple[str, ...]],
) -> Scores:
    scores = rows.scores(name, by_detector[name])
    return replace(scores, notes=notes[name]) if rows.name in _MAY_DECIDE else scores
