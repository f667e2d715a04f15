"""What every detector is: a torch module from waveforms to two logits and an embedding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from models.audio import windows
from models.detectors.maps import MapLayer, NodeLayer
from models.errors import InputError

SAMPLE_RATE = 16_000  # Hz, of every waveform a detector hears
MIN_SAMPLES = windows.MIN_SAMPLES  # 0.5 s: less speech than this is no evidence
SPOOF, BONAFIDE = 0, 1  # the order of the logits, as in the official AASIST release


class Detector(nn.Module, ABC):
    """A spoofing countermeasure. `name` and `options` rebuild it: see `build_detector`."""

    name: str
    options: Mapping[str, Any]
    differentiable: bool = True  # the gradient of a score reaches the waveform

    @classmethod
    def completed(cls, options: dict[str, Any]) -> dict[str, Any]:
        """All options of this class, as JSON would hold them, with the defaults inside of each."""
        return options

    @property
    @abstractmethod
    def embedding_dim(self) -> int:
        """Numbers in an embedding."""

    @abstractmethod
    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (batch, embedding_dim) and logits (batch, 2) of checked waveforms."""

    @property
    def last_layer(self) -> nn.Linear | None:
        """The one linear layer that makes the logits of the embedding; None: they need more.

        `out_layer`, where a detector has it. It can be fitted anew on embeddings alone.
        """
        layer = dict(self.named_children()).get("out_layer")
        return layer if isinstance(layer, nn.Linear) else None

    def depth_groups(self) -> Sequence[Sequence[str]]:
        """Names of modules and parameters, block by block from the waveform to the logits.

        Every weight is in exactly one block; '' names the whole detector. Training freezes the
        first blocks, or learns more slowly there, where it starts from weights.
        """
        return [("",)]

    def learning_rates(self) -> Mapping[str, float]:
        """Shares of the training's learning rate, above 0, by names of modules and parameters.

        What no name covers learns with the whole rate; names do not lie within each other.
        """
        return {}

    @property
    def published_fronts(self) -> Sequence[str]:
        """Names of its parts that are of little use without published weights."""
        return ()

    def take_pretrained(self, source: str) -> None:
        """Give published weights to the part that has such; `source` names a file or a release.

        Raises InputError where there is no such part.
        """
        raise InputError(
            f"training.pretrained: null expected, {self.name} has no part that was pretrained; "
            f"found {source}"
        )

    def map_layer(self) -> MapLayer | None:
        """The deepest map of frequency and time that has channels, for Grad-CAM; None: no map."""
        return None

    def node_layers(self) -> Sequence[NodeLayer]:
        """Graphs over the rows and columns of that map; none where a detector has no graph."""
        return ()

    def forward_both(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (batch, embedding_dim) and logits (batch, 2) of waveforms (batch, samples).

        Mono, 16 kHz, any length from 0.5 s; raises InputError for another shape.
        """
        check_waveforms(waveforms)
        return self.analyse(waveforms)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Logits (batch, 2) in the order (spoof, bonafide) of waveforms (batch, samples)."""
        _, logits = self.forward_both(waveforms)
        return logits

    def embed(self, waveforms: Tensor) -> Tensor:
        """Embedding (batch, embedding_dim) of waveforms (batch, samples)."""
        embedding, _ = self.forward_both(waveforms)
        return embedding


def cm_score(logits: Tensor) -> Tensor:
    """cm_scores (batch,) of logits (batch, 2): higher is more bona fide."""
    return logits[:, BONAFIDE] - logits[:, SPOOF]


def is_differentiable(detector: nn.Module) -> bool:
    """Whether an attack can follow the gradient of a detector's answer to the waveform."""
    return not isinstance(detector, Detector) or detector.differentiable


def check_waveforms(waveforms: Tensor) -> None:
    """Raise InputError where a detector cannot hear this as (batch, samples) of speech."""
    if waveforms.ndim != 2:
        shape = tuple(waveforms.shape)
        raise InputError(f"waveforms of shape (batch, samples) expected, found shape {shape}")
    if not torch.is_floating_point(waveforms):
        raise InputError(f"waveforms in floating point expected, found {waveforms.dtype}")
    if waveforms.shape[1] < MIN_SAMPLES:
        raise InputError(
            f"waveforms of at least {MIN_SAMPLES} samples ({MIN_SAMPLES / SAMPLE_RATE} s at "
            f"{SAMPLE_RATE} Hz) expected, found {waveforms.shape[1]}"
        )
