"""Methods of continual learning by name: what is seen again, and what holds the detector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn

from models.data.clips import Clips
from models.params.tree import Params
from models.params.window import WindowParams
from models.tables import CONTINUAL_METHODS as PLACES
from models.tables import Table
from models.training.continual.anchor import Anchor, Anchors
from models.training.continual.distillation import Distillation
from models.training.continual.ewc import ElasticWeights
from models.training.continual.projection import Projection, by_attention, by_count, projectors


@dataclass(frozen=True)
class Known:
    """A detector as it starts, and clips that it has learnt from."""

    detector: nn.Module
    clips: Clips  # the memory: both classes
    params: Params
    device: torch.device

    @property
    def window(self) -> WindowParams:
        """As long as a training crop, and heard like one."""
        return replace(self.params.window, samples=self.params.training.crop_samples)


@dataclass(frozen=True)
class Method:
    """Whether old spoofs are in the batches again, and the anchor made of what is known."""

    replays: bool
    anchor: Callable[[Known], Anchor]


def _none(known: Known) -> Anchor:
    del known
    return Anchor()


def _ewc(known: Known) -> Anchor:
    weight = known.params.continual.ewc_weight
    return ElasticWeights.of(known.detector, known.clips, known.window, known.device, weight)


def _lwf(known: Known, bonafide_only: bool = False) -> Anchor:
    chosen = known.params.continual
    detector = known.detector.to(known.device)
    return Distillation(detector, chosen.distillation_weight, bonafide_only=bonafide_only)


def _rwm(known: Known) -> Anchor:
    return Projection(_away(known), known.params.continual.parallel, by_attention)


def _rawm(known: Known) -> Anchor:
    """Its regularisation holds the old distribution of bona fide speech."""
    projection = Projection(_away(known), known.params.continual.parallel, by_count)
    return Anchors((_lwf(known, bonafide_only=True), projection))


def _away(known: Known) -> dict[str, torch.Tensor]:
    return projectors(known.detector, known.clips, known.window, known.device)


# `none`, learning from everything again, is not among them: see `continuation.py`
METHODS: Table[Method] = Table(PLACES)

REPLAY = Method(True, _none)
EWC = Method(False, _ewc)
LWF = Method(False, _lwf)
RWM = Method(False, _rwm)
RAWM = Method(False, _rawm)
REPLAY_LWF = Method(True, _lwf)
