"""Whisper's encoder as the front of a detector: which of its layers are heard, and what learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.detectors.options import choice, number, rising_numbers, whole_number
from models.detectors.whisper.encoder import WhisperEncoder
from models.detectors.whisper.lora import is_lora
from models.detectors.whisper.mel import HOP, WhisperMel
from models.detectors.whisper.sizes import WhisperSize, whisper_size
from models.errors import InputError

STEP = 2 * HOP  # samples from a step of the encoder to the next; step 0 lies around sample 0
MIXES = ("concat", "weighted")


@dataclass(frozen=True)
class WhisperOptions:
    """Options of a detector's front; raises InputError naming the one that is wrong.

    size: a key of WHISPERS.
    sizes: what differs from the published encoder, by the names of WhisperSize; None: nothing.
    layers: that are heard, in rising order; 0 is the stem, n what block n says. Nothing behind
        the last of them is built.
    front_tuned: `all` of the encoder learns, `none` of it, or so many of its last blocks.
    front_rate: share of the learning rate that the encoder learns with.
    lora_rank: of the changes to a frozen encoder's linear maps that are learnt; 0: none.
    """

    size: str = "base"
    sizes: Mapping[str, int] | None = None
    layers: Sequence[int] = (0, 1, 2, 3)
    front_tuned: int | str = "all"
    front_rate: float = 0.03
    lora_rank: int = 0

    def __post_init__(self) -> None:
        """Check every option."""
        blocks = self.architecture.blocks
        rising_numbers("layers", self.layers, 1, 0, blocks)
        if self.front_tuned not in ("all", "none"):
            whole_number("front_tuned", self.front_tuned, 1, max(self.depth, 1))
        number("front_rate", self.front_rate, 1e-6, 1.0)
        if whole_number("lora_rank", self.lora_rank, 0, 1024) and self.front_tuned != "none":
            raise InputError(
                "option front_tuned: none expected with a lora_rank above 0, found "
                f"{self.front_tuned!r}"
            )

    @property
    def architecture(self) -> WhisperSize:
        """The encoder's sizes."""
        return whisper_size(self.size, self.sizes)

    @property
    def depth(self) -> int:
        """Blocks that are built."""
        return max(self.layers)

    @property
    def frozen_groups(self) -> int:
        """How many blocks of `WhisperFront.blocks` never learn."""
        if self.front_tuned == "all":
            return 0
        tuned = 0 if self.front_tuned == "none" else int(self.front_tuned)
        return 1 + self.depth - tuned


class WhisperFront(nn.Module):
    """Waveforms (batch, samples) -> the chosen layers, each (batch, steps, width).

    There are 50 steps a second, and a clip has its own length: nothing is filled up to 30 s. What
    is frozen takes no gradient, but passes it on to the waveform.
    """

    def __init__(self, options: WhisperOptions) -> None:
        super().__init__()
        self.options = options
        self.mel = WhisperMel(options.architecture.mels)
        self.encoder = WhisperEncoder(options.architecture, options.depth, options.lora_rank)
        frozen = [name for group in self.blocks("")[: options.frozen_groups] for name in group]
        for name in frozen:
            for inner, weight in self.get_submodule(name.removeprefix(".")).named_parameters():
                weight.requires_grad_(is_lora(inner))

    def forward(self, waveforms: Tensor) -> list[Tensor]:
        """The chosen layers, in rising order."""
        outputs = self.encoder(self.mel(waveforms))
        return [outputs[layer] for layer in self.options.layers]

    def blocks(self, place: str) -> list[tuple[str, ...]]:
        """Names of modules from the waveform on, where this is at `place` in a detector.

        The convolutions, then each block of the transformer.
        """
        encoder = f"{place}.encoder"
        groups: list[tuple[str, ...]] = [(f"{encoder}.conv1", f"{encoder}.conv2")]
        groups += [(f"{encoder}.blocks.{block}",) for block in range(self.options.depth)]
        if self.encoder.ln_post is not None:
            groups[-1] = (*groups[-1], f"{encoder}.ln_post")
        return groups

    def rates(self, place: str) -> dict[str, float]:
        """The encoder's share of the learning rate; low-rank changes have the whole of it."""
        learning = self.options.front_tuned != "none"
        return {f"{place}.encoder": self.options.front_rate} if learning else {}


class LayerMix(nn.Module):
    """Layers, each (batch, steps, width), as one sequence (batch, rows, steps).

    Each layer is normalised, since what blocks add up has a few numbers that are far larger than
    all others. `concat`: each becomes an equal share of the rows by a linear map of its own.
    `weighted`: their learnt mean becomes all rows by one linear map.
    """

    def __init__(self, width: int, layers: int, rows: int, mix: str) -> None:
        super().__init__()
        separate = choice("mix", mix, MIXES) == "concat"
        if separate and rows % layers:
            raise InputError(
                f"option rows: a multiple of the {layers} layers expected, found {rows}"
            )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.weights = None if separate else nn.Parameter(torch.zeros(layers))
        count = layers if separate else 1
        self.projections = nn.ModuleList(nn.Linear(width, rows // count) for _ in range(count))

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """Projected and joined."""
        normal = [norm(layer) for norm, layer in zip(self.norms, layers, strict=True)]
        if self.weights is not None:
            shares = torch.softmax(self.weights, dim=0)
            normal = [(shares[:, None, None, None] * torch.stack(normal)).sum(dim=0)]
        parts = [project(part) for project, part in zip(self.projections, normal, strict=True)]
        return torch.cat(parts, dim=2).transpose(1, 2)
