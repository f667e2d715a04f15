"""Self-supervised fronts: wav2vec 2.0, XLS-R, HuBERT and WavLM, as torchaudio builds them.

A front is a published network by name, or that network with other sizes. Its first
weights are random; `take_pretrained` gives it published ones, once: what a detector folder keeps
is the network's name, its sizes and all weights, never the file they came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor, nn

from models.detectors.options import number, whole_number
from models.detectors.self_supervised.networks import FRONTS, SIZES, Architecture, build_network
from models.errors import InputError

_EPSILON = 1e-5  # of the variance of a waveform, as in fairseq


@dataclass(frozen=True)
class FrontOptions:
    """Options of a detector's front; raises InputError naming the one that is wrong.

    front: a key of FRONTS.
    front_sizes: what differs from the published network, by the names in SIZES; None: nothing.
    front_layers: `weighted`, a learnt mean of what all layers say, or `last`.
    front_tuned: `all` of the front learns, `none` of it, or so many of its last layers.
    front_dropout: in training, of whatever of the front learns.
    """

    front: str = "xlsr-300m"
    front_sizes: Mapping[str, int] | None = None
    front_layers: str = "weighted"
    front_tuned: int | str = "all"
    front_dropout: float = 0.0

    def __post_init__(self) -> None:
        """Check every option."""
        layers = self.architecture.layers
        if self.front_layers not in ("weighted", "last"):
            raise InputError(
                f"option front_layers: weighted or last expected, found {self.front_layers!r}"
            )
        if self.front_tuned not in ("all", "none"):
            whole_number("front_tuned", self.front_tuned, 1, layers)
        number("front_dropout", self.front_dropout, 0.0, 1.0)

    @property
    def architecture(self) -> Architecture:
        """The network with its sizes."""
        if self.front not in FRONTS:
            names = ", ".join(FRONTS)
            raise InputError(f"option front: no network named {self.front!r}; known: {names}")
        sizes: dict[str, Any] = _checked_sizes(self.front_sizes)
        architecture = replace(FRONTS[self.front], **sizes)
        for parts in ("heads", "position_groups"):
            if architecture.width % getattr(architecture, parts):
                raise InputError(
                    f"option front_sizes: a width that {parts} divide evenly expected, found "
                    f"{architecture.width} and {getattr(architecture, parts)}"
                )
        return architecture

    @property
    def frozen_blocks(self) -> int:
        """How many blocks of the front never learn; see `SslFront.blocks`."""
        layers = self.architecture.layers
        if self.front_tuned == "all":
            return 0
        tuned = 0 if self.front_tuned == "none" else int(self.front_tuned)
        return 2 + layers - tuned


class SslFront(nn.Module):
    """Waveforms (batch, samples) -> a map (batch, bins, frames), 50 frames a second.

    What is frozen stays in evaluation mode and takes no gradient, but passes it on to the waveform.
    `model` holds the network's weights by torchaudio's names; `projection` makes its features a
    map of `bins` rows.
    """

    def __init__(self, options: FrontOptions, bins: int) -> None:
        super().__init__()
        self.architecture = options.architecture
        self.bins = bins
        self.model = build_network(self.architecture, options.front_dropout)
        self.projection = nn.Linear(self.architecture.width, bins)
        weights = torch.zeros(self.architecture.layers)
        self.layer_weights = nn.Parameter(weights) if options.front_layers == "weighted" else None
        self.frozen = options.frozen_blocks
        for module in self._frozen_modules():
            module.requires_grad_(False)

    def forward(self, waveforms: Tensor) -> Tensor:
        """The features of the network, projected."""
        projected: Tensor = self.projection(self.features(waveforms)).transpose(1, 2)
        return projected

    def features(self, waveforms: Tensor) -> Tensor:
        """A learnt mean (batch, frames, width) of all layers, or the last one."""
        if self.architecture.normalised:
            waveforms = standardised(waveforms)
        layers, _ = self.model.extract_features(waveforms)  # each (batch, frames, width)
        if self.architecture.normalised:
            layers[-1] = self.model.encoder.transformer.layer_norm(layers[-1])
        if self.layer_weights is None:
            last: Tensor = layers[-1]
            return last
        shares = torch.softmax(self.layer_weights, dim=0)
        return (shares[:, None, None, None] * torch.stack(layers)).sum(dim=0)

    def train(self, mode: bool = True) -> SslFront:
        """Training mode for what learns; the rest stays as it is when scoring."""
        super().train(mode)
        for module in self._frozen_modules():
            module.eval()
        return self

    def blocks(self, place: str) -> list[tuple[str, ...]]:
        """Names of modules from the waveform on, where this is at `place` in a detector.

        The convolutions, what lies between them and the transformer, each layer, the projection.
        """
        encoder = f"{place}.model.encoder"
        norm = f"{encoder}.transformer.layer_norm"
        layers: list[tuple[str, ...]] = [
            (f"{encoder}.transformer.layers.{layer}",) for layer in range(self.architecture.layers)
        ]
        between: tuple[str, ...] = (
            f"{encoder}.feature_projection",
            f"{encoder}.transformer.pos_conv_embed",
        )
        if self.architecture.normalised:
            layers[-1] = (*layers[-1], norm)
        else:
            between = (*between, norm)
        weighing = () if self.layer_weights is None else (f"{place}.layer_weights",)
        behind = (*weighing, f"{place}.projection")
        return [(f"{place}.model.feature_extractor",), between, *layers, behind]

    def _frozen_modules(self) -> Sequence[nn.Module]:
        names = [name for block in self.blocks("")[: self.frozen] for name in block]
        dropout = [".model.encoder.transformer.dropout"] if names else []
        return [self.get_submodule(name.removeprefix(".")) for name in (*names, *dropout)]


def standardised(waveforms: Tensor) -> Tensor:
    """Each of the waveforms (batch, samples) with zero mean and unit variance."""
    centred = waveforms - waveforms.mean(dim=1, keepdim=True)
    return centred / torch.sqrt(centred.square().mean(dim=1, keepdim=True) + _EPSILON)


def _checked_sizes(sizes: Mapping[str, int] | None) -> dict[str, int]:
    if sizes is not None and not isinstance(sizes, Mapping):
        raise InputError(f"option front_sizes: a mapping expected, found {sizes!r}")
    for name, size in (sizes or {}).items():
        if name not in SIZES:
            raise InputError(
                f"option front_sizes: no size named '{name}'; known: {', '.join(SIZES)}"
            )
        whole_number(f"front_sizes.{name}", size, 1, 65_536)
    return dict(sizes or {})


FRONT_OPTIONS = tuple(field.name for field in fields(FrontOptions))
