"""Methods of continual learning by name: whether old spoofs are replayed, and the anchor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn

from models.data.clips import Clips
from models.params.tree import Params
from models.params.window import WindowParams
from models.tables import CONTINUAL_METHODS as PLACES
from models.tables import LazyTable
from models.training.continual.anchor import Anchor, Anchors
from models.training.continual.distillation import Distillation
from models.training.continual.ewc import ElasticWeights
from models.training.continual.projection import Projection, by_attention, by_count, projectors


@dataclass(frozen=True)
class StartingPoint:
    """A detector as it starts, and clips that it has learnt from."""

    detector: nn.Module
    clips: Clips  # the memory: both classes
    params: Params
    device: torch.device

    @property
    def window(self) -> WindowParams:
        """A window as long as a training crop, with the same noise reduction."""
        return replace(self.params.window, samples=self.params.training.crop_samples)


@dataclass(frozen=True)
class Method:
    """Whether old spoofs are in the batches again, and the anchor."""

    replays: bool
    anchor: Callable[[StartingPoint], Anchor]


def _none(start: StartingPoint) -> Anchor:
    del start
    return Anchor()


def _ewc(start: StartingPoint) -> Anchor:
    weight = start.params.continual.ewc_weight
    return ElasticWeights.of(start.detector, start.clips, start.window, start.device, weight)


def _lwf(start: StartingPoint, bonafide_only: bool = False) -> Anchor:
    weight = start.params.continual.distillation_weight
    return Distillation(start.detector.to(start.device), weight, bonafide_only=bonafide_only)


def _rwm(start: StartingPoint) -> Anchor:
    return Projection(_away(start), start.params.continual.parallel, by_attention)


def _rawm(start: StartingPoint) -> Anchor:
    """Its regularisation holds the old distribution of bona fide speech."""
    projection = Projection(_away(start), start.params.continual.parallel, by_count)
    return Anchors((_lwf(start, bonafide_only=True), projection))


def _away(start: StartingPoint) -> dict[str, torch.Tensor]:
    return projectors(start.detector, start.clips, start.window, start.device)


# `none`, learning from everything again, is not among them: see `continuation.py`
METHODS: LazyTable[Method] = LazyTable(PLACES)

REPLAY = Method(True, _none)
EWC = Method(False, _ewc)
LWF = Method(False, _lwf)
RWM = Method(False, _rwm)
RAWM = Method(False, _rawm)
REPLAY_LWF = Method(True, _lwf)
