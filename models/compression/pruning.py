"""Structured pruning: channels that count least are cut out of all weights they are part of.

What is left is the same detector with other sizes among its options, so that it is trained,
exported and served like any other. How much a channel counts is the sum of its share in the
magnitudes of all weights that it ties together (group importance, arXiv 2301.12900, §3.3).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from models.compression.ties import SIZES, Dimension, Ties, ties_of
from models.detectors import Detector, build_detector
from models.detectors.plain_weights import fill
from models.errors import InputError

_RUNNING = ("running_mean", "running_var")  # statistics of clips: they say nothing of importance


def prune(detector: Detector, keep: float) -> Detector:
    """A detector (in eval mode) with the share `keep` (0-1) of every width, rounded up.

    Raises InputError for a detector that cannot be pruned, and where rounding would leave two
    widths equal that were not, which ties what was free.
    """
    ties = ties_of(detector.name, detector.options)
    options = smaller(detector.name, detector.options, keep)
    if set(ties_of(detector.name, options).items()) != set(ties.items()):
        raise InputError(
            f"compression.keep: widths that differ must differ when cut, found {options['widths']} "
            f"of {detector.options['widths']} with {keep:g}"
        )
    weights = detector.state_dict()
    places = {
        axis: _largest(values, math.ceil(keep * len(values)))
        for axis, values in importance(weights, ties).items()
    }
    pruned = build_detector(detector.name, options)
    fill(pruned, cut(weights, ties, places), f"{detector.name}, pruned", detector.name)
    return pruned.eval()


def smaller(name: str, options: Mapping[str, Any], keep: float) -> dict[str, Any]:
    """Options of a detector with a share of each of its sizes."""
    sizes = {key: [math.ceil(keep * size) for size in options[key]] for key in SIZES[name]}
    return {**options, **sizes}


def importance(weights: Mapping[str, Tensor], ties: Ties) -> dict[str, Tensor]:
    """What each channel (size,) of each axis counts; 1 is the mean of one weight's channels."""
    totals: dict[str, Tensor] = {}
    for name, dimensions in ties.items():
        if name not in weights or name.endswith(_RUNNING):
            continue
        weight = weights[name].abs()
        for place, dimension in enumerate(dimensions):
            others = [other for other in range(weight.ndim) if other != place]
            magnitudes = weight.mean(dim=others) if others else weight
            share = magnitudes / magnitudes.mean().clamp_min(1e-12)
            for axis, part in _parts(dimension, share):
                totals[axis] = totals.get(axis, torch.zeros_like(part)) + part
    return totals


def cut(
    weights: Mapping[str, Tensor], ties: Ties, kept_places: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The weights without the channels that are not kept (their places, in order)."""
    smaller = dict(weights)
    for name, dimensions in ties.items():
        if name not in weights:
            continue  # a short cut without a convolution
        weight = weights[name]
        for place, dimension in enumerate(dimensions):
            places = torch.arange(weight.shape[place])
            chosen = [part[kept_places[axis]] for axis, part in _parts(dimension, places)]
            if chosen:
                weight = weight.index_select(place, torch.cat(chosen))
        smaller[name] = weight
    return smaller


def _parts(dimension: Dimension, values: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The axes along a dimension, each with its part of the values (size,) along it."""
    axes = (dimension,) if isinstance(dimension, str) else dimension or ()
    yield from zip(axes, values.chunk(len(axes)) if axes else (), strict=True)


def _largest(values: Tensor, count: int) -> Tensor:
    return torch.topk(values, count).indices.sort().values
