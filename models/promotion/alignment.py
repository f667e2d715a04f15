"""Both detectors on the same trials in the same order, or a refusal in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.evaluation.scores import Scores
from models.promotion.evidence import EvaluationSet, Pair


@dataclass(frozen=True, eq=False)
class Aligned:
    """Both detectors' scores of one list of trials, row by row."""

    candidate: Scores
    champion: Scores  # in the candidate's order
    clusters: Sequence[str]  # (trials,) what trials share with others, as both agree
    slices: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)


def align(pair: Pair, name: EvaluationSet, with_eer: bool = True) -> Aligned:
    """Bring the champion's scores into the candidate's order.

    Raises InputError where the two were not scored on the same trials of the same speakers, and
    `with_eer` also where the set lacks a class or a detector gives one score to all.
    """
    candidate, champion = pair.candidate, pair.champion
    if champion is None:
        raise InputError(f"{name}: scores of the champion expected, as other sets have them")
    champion = _in_order(champion, candidate, name)
    if with_eer:
        require_usable(candidate, f"candidate on {name}")
        require_usable(champion, f"champion on {name}")
    _require_bonafide_rows(pair, name)
    return Aligned(candidate, champion, _agreed_clusters(champion, candidate, name), pair.slices)


def require_usable(scores: Scores, origin: str) -> None:
    """Raise InputError for scores that cannot separate the classes."""
    scores.require_both_classes(origin)
    first = scores.cm_scores[0]
    if (scores.cm_scores == first).all():
        raise InputError(
            f"{origin}: scores that differ expected, all {scores.cm_scores.size:,} are {first:g}"
        )


def _in_order(champion: Scores, candidate: Scores, name: EvaluationSet) -> Scores:
    if champion.trials_hash != candidate.trials_hash:
        champion_keys, candidate_keys = set(champion.keys), set(candidate.keys)
        raise InputError(
            f"{name}: champion and candidate must be scored on the same trials with the same "
            f"keys: {len(champion_keys - candidate_keys):,} of {len(champion_keys):,} are the "
            f"champion's alone, {len(candidate_keys - champion_keys):,} of "
            f"{len(candidate_keys):,} the candidate's alone"
        )
    position = {utterance: row for row, utterance in enumerate(champion.utterance_ids)}
    rows = np.array([position[utterance] for utterance in candidate.utterance_ids])
    return replace(
        champion,
        utterance_ids=candidate.utterance_ids,
        attack_ids=candidate.attack_ids,
        cm_scores=champion.cm_scores[rows],
        clusters=tuple(champion.clusters[row] for row in rows),
    )


def _agreed_clusters(champion: Scores, candidate: Scores, name: EvaluationSet) -> Sequence[str]:
    if champion.clusters == candidate.clusters or champion.clusters == champion.utterance_ids:
        return candidate.clusters
    if candidate.clusters == candidate.utterance_ids:
        return champion.clusters
    trial, champion_cluster, candidate_cluster = next(
        row
        for row in zip(candidate.utterance_ids, champion.clusters, candidate.clusters, strict=True)
        if row[1] != row[2]
    )
    raise InputError(
        f"{name}: champion and candidate must name the same speakers for the same trials: "
        f"{trial} is {champion_cluster}'s for the champion and {candidate_cluster}'s for the "
        "candidate"
    )


def _require_bonafide_rows(pair: Pair, name: EvaluationSet) -> None:
    for part, rows in pair.slices.items():
        if not pair.candidate.is_bonafide[rows].all():
            raise InputError(f"{name}: slice {part}: rows of bona fide trials expected")
