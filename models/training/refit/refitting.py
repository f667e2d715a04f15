"""A new last layer from embeddings: few labels of something new, beside much that is replayed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from models.data.folds.evenly import dealt_evenly
from models.errors import InputError
from models.packaging.last_layer import LastLayer
from models.training.refit.correction import Directions, Floats, Scaling, fit_correction
from models.training.refit.labelled import LabelledEmbeddings, shared_weights
from models.training.refit.probing import Probing, fit_anew

STRENGTHS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)  # λ, the strongest first
SHARES = (0.1, 0.25)  # of the weight of a class, what its new clips have together
FOLDS = 5

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Refit:
    """A new last layer, and how it was chosen."""

    layer: LastLayer
    moved: bool  # False: no correction was better on clips that were held out
    figures: Mapping[str, float]  # for the run's page, by name


@dataclass(frozen=True)
class _Material:
    """Everything a fit is made of; the new clips come last."""

    scaled: Floats  # (n, d)
    scores: Floats  # (n,), of the layer as it is
    bonafide: NDArray[np.bool_]  # (n,)
    is_new: NDArray[np.bool_]  # (n,)

    def correction(
        self, rows: NDArray[np.bool_], strength: float, share: float, start: Floats | None = None
    ) -> Floats:
        weights = shared_weights(self.bonafide[rows], self.is_new[rows], share)
        bonafide, scores = self.bonafide[rows], self.scores[rows]
        return fit_correction(self.scaled[rows], scores, bonafide, weights, strength, start)

    def loss(self, rows: NDArray[np.bool_], correction: Floats) -> float:
        """Mean of the losses on the new and on the replayed clips of some rows."""
        scores = self.scores[rows] + self.scaled[rows] @ correction[:-1] + correction[-1]
        losses = np.logaddexp(0.0, np.where(self.bonafide[rows], -scores, scores))
        return float(losses @ shared_weights(self.bonafide[rows], self.is_new[rows], 0.5))


def refit(
    layer: LastLayer,
    replay: LabelledEmbeddings,
    new: LabelledEmbeddings,
    probing: Probing | None = None,
) -> Refit:
    """Fit the layer anew on replayed and new clips; both classes weigh the same.

    A layer that was fitted (`probing`) is fitted again, as it was. Another is corrected, and drawn
    towards what it is: see `_corrected`. Deterministic. Raises InputError where nothing is new, or
    where replayed and new clips together lack a class.
    """
    clips = _checked(layer, replay, new)
    if probing is not None:
        return Refit(fit_anew(clips, len(new), probing), True, {})
    return _corrected(layer, clips, len(new))


def _corrected(layer: LastLayer, clips: LabelledEmbeddings, new: int) -> Refit:
    """Correct the layer for clips of which the last `new` are new.

    The strength of the pull, and the share of the new clips in their class, are chosen on callers
    that were held out, over new and replayed clips alike: the strongest within a standard error of
    the least loss, so that few labels move the layer no more than they must.
    """
    replayed = len(clips) - new
    scaling = Scaling.of(clips.embeddings[:replayed])
    scaled = scaling(clips.embeddings)
    directions = Directions.of(scaled)
    material = _Material(
        directions(scaled),
        layer.cm_scores(clips.embeddings),
        clips.bonafide,
        np.arange(len(clips)) >= replayed,
    )
    parts = (clips.groups[:replayed], clips.groups[replayed:])
    folds = np.concatenate([grouped_folds(part, FOLDS) for part in parts])
    before, losses = _held_out(material, folds)
    strength, share = _strongest_of_the_best(losses)
    after = float(np.mean(losses[strength, share]))
    if after >= before:
        return Refit(layer, False, {"loss_before": before, "loss_after": before})
    everything = np.ones(len(clips), dtype=np.bool_)
    correction = directions.undone(material.correction(everything, strength, share))
    direction, offset = scaling.undone(correction)
    _log.info(
        "last layer: strength %g, share %g, loss %.3f -> %.3f", strength, share, before, after
    )
    losses_and_choice = {
        "loss_before": before, "loss_after": after, "strength": strength, "share": share,
    }  # fmt: skip
    return Refit(layer.moved(direction, offset), True, losses_and_choice)


def grouped_folds(groups: Sequence[str], folds: int) -> NDArray[np.int64]:
    """The fold (n,) of each clip: groups stay whole and the folds are of about equal size.

    Where there are fewer than two groups, each clip is one.
    """
    names = tuple(groups) if len(set(groups)) > 1 else tuple(map(str, range(len(groups))))
    place = dealt_evenly(names, folds)
    return np.array([place[name] for name in names], dtype=np.int64)


def _checked(
    layer: LastLayer, replay: LabelledEmbeddings, new: LabelledEmbeddings
) -> LabelledEmbeddings:
    if not len(new):
        raise InputError("new labels: at least one clip expected, found none")
    clips = replay.followed_by(new)
    width = layer.weight.shape[1]
    if clips.embeddings.shape != (len(clips), width) or len(clips.groups) != len(clips):
        raise InputError(
            f"embeddings of shape ({len(clips)}, {width}) expected, one for each label, found "
            f"{clips.embeddings.shape}"
        )
    if not 0 < clips.bonafide.sum() < len(clips):
        raise InputError("both classes among replayed and new clips expected, found one")
    if len(replay) and not 0 < replay.bonafide.sum() < len(replay):
        raise InputError("both classes among the replayed clips expected, found one")
    if not np.isfinite(clips.embeddings).all():
        raise InputError("finite embeddings expected, found nan or infinity")
    return clips


def _held_out(
    material: _Material, folds: NDArray[np.int64]
) -> tuple[float, dict[tuple[float, float], list[float]]]:
    """Mean loss over the folds without a correction, and that of each fold by (strength, share)."""
    before: list[float] = []
    losses: dict[tuple[float, float], list[float]] = {}
    for fold in sorted({int(fold) for fold in folds[material.is_new]}):
        held_out, rest = folds == fold, folds != fold
        before.append(material.loss(held_out, np.zeros(material.scaled.shape[1] + 1)))
        start: Floats | None = None
        for share, strength in product(SHARES, STRENGTHS):
            start = material.correction(rest, strength, share, start)
            loss = material.loss(held_out, start)
            losses.setdefault((strength, share), []).append(loss)
    return float(np.mean(before)), losses


def _strongest_of_the_best(losses: dict[tuple[float, float], list[float]]) -> tuple[float, float]:
    """The strongest pull, then the smallest share, whose loss is within one standard error of the
    least (Breiman et al., Classification and Regression Trees, 1984): held-out callers resemble
    those that were fitted more than the next callers do."""
    means = {key: float(np.mean(values)) for key, values in losses.items()}
    best = min(means, key=lambda key: means[key])
    values = losses[best]
    error = float(np.std(values, ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0
    good = [key for key in means if means[key] <= means[best] + error]
    return max(good, key=lambda key: (key[0], -key[1]))
