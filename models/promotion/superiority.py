"""Does the pooled EER fall beyond chance, and on which trials must it?"""

from __future__ import annotations

import numpy as np

from models.evaluation.bootstrap import ResampledEer, resample
from models.evaluation.bootstrap.draws import Ints
from models.evaluation.metrics.delong import auc_difference
from models.evaluation.metrics.eer import eer
from models.params.promotion import PromotionParams
from models.promotion.evidence import EvaluationSet
from models.promotion.sample import Sample
from models.promotion.verdict import Superiority

FROZEN, ROLLING = EvaluationSet.FROZEN, EvaluationSet.ROLLING


def deciding_sets(
    sample: Sample, drifted: bool, params: PromotionParams
) -> tuple[tuple[EvaluationSet, ...], tuple[str, ...]]:
    """The sets on which the EER must fall, and notes on the choice.

    The newest trials where drift asked for the cycle, with the frozen ones where they are too few.
    """
    if not drifted or ROLLING not in sample.sets:
        missing = ("drift asked for the cycle, and there is no rolling set",) if drifted else ()
        return (sample.sets[0],), missing
    own = sample.rows_of(ROLLING)
    classes = [np.intersect1d(own, rows) for rows in (sample.bonafide, sample.spoofs)]
    enough = all(
        rows.size >= params.min_trials and sample.clusters_in(rows) >= params.min_clusters
        for rows in classes
    )
    if enough:
        return (ROLLING,), ()
    sizes = f"{classes[0].size:,} bona fide trials and {classes[1].size:,} spoofs"
    beside = ", and decides together with the frozen one" if FROZEN in sample.sets else ""
    return sample.sets, (f"the rolling set is small: {sizes}{beside}",)


def superiority(
    sample: Sample, sets: tuple[EvaluationSet, ...], params: PromotionParams
) -> Superiority:
    """Compare the EERs on some sets, pooled, by a paired clustered bootstrap."""
    own: Ints = np.sort(np.concatenate([sample.rows_of(name) for name in sets]))
    bonafide, spoofs = np.intersect1d(own, sample.bonafide), np.intersect1d(own, sample.spoofs)
    sides = sample.champion, sample.candidate
    values = resample(
        sample.trials,
        {
            side: ResampledEer(scores, sample.trials, bonafide, spoofs)
            for side, scores in enumerate(sides)
        },
        params.resamples,
        params.seed,
    )
    differences = values[1] - values[0]
    champion, candidate = (eer(scores[bonafide], scores[spoofs]) for scores in sides)
    tail = (1 - params.confidence) / 2
    low, high, bound = np.nanquantile(differences, (tail, 1 - tail, 1 - params.direct_level))
    by_champion, by_candidate = ((scores[bonafide], scores[spoofs]) for scores in sides)
    return Superiority(
        " and ".join(sets),
        champion,
        candidate,
        candidate - champion,
        params.direct_level,
        float(bound),
        (float(low), float(high)),
        params.confidence,
        float(np.mean(differences < 0)),
        bonafide.size,
        spoofs.size,
        sample.clusters_in(own),
        auc_difference(by_champion, by_candidate) if min(bonafide.size, spoofs.size) > 1 else None,
    )
