"""The encoder of Whisper (arXiv 2212.04356, §2.2), no deeper than it is needed.

The names of modules and parameters are those of OpenAI's release.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.detectors.whisper.lora import LoraLinear
from models.detectors.whisper.sizes import WhisperSize

_LONGEST_WAVE = 10_000.0  # steps, over 2π


class WhisperAttention(nn.Module):
    """Self-attention in several heads; keys have no bias, as published."""

    def __init__(self, width: int, heads: int, lora_rank: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = LoraLinear(width, width, rank=lora_rank)
        self.key = nn.Linear(width, width, bias=False)
        self.value = LoraLinear(width, width, rank=lora_rank)
        self.out = LoraLinear(width, width, rank=lora_rank)

    def forward(self, steps: Tensor) -> Tensor:
        """(batch, steps, width) -> the same shape."""
        queries, keys, values = (
            part(steps).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        gathered = functional.scaled_dot_product_attention(queries, keys, values)
        joined: Tensor = self.out(gathered.transpose(1, 2).flatten(2))
        return joined


class WhisperBlock(nn.Module):
    """Attention, then a feed-forward part, each behind a layer norm and added to its input."""

    def __init__(self, width: int, heads: int, lora_rank: int) -> None:
        super().__init__()
        self.attn = WhisperAttention(width, heads, lora_rank)
        self.attn_ln = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            LoraLinear(width, 4 * width, rank=lora_rank),
            nn.GELU(),
            LoraLinear(4 * width, width, rank=lora_rank),
        )
        self.mlp_ln = nn.LayerNorm(width)

    def forward(self, steps: Tensor) -> Tensor:
        """(batch, steps, width) -> the same shape."""
        steps = steps + self.attn(self.attn_ln(steps))
        out: Tensor = steps + self.mlp(self.mlp_ln(steps))
        return out


class WhisperEncoder(nn.Module):
    """Spectrograms (batch, mels, frames) -> what the stem and each of the first blocks say.

    Each output is (batch, (frames + 1) // 2, width). The positions that the release stores for
    1,500 steps are computed here for the steps at hand; the stem's output is what comes before
    they are added.

    Args:
        size: of the published encoder.
        depth: blocks that are built, from 0. With all of them there is the norm behind the last.
        lora_rank: of low-rank changes to the linear maps of a frozen encoder; 0: none.
    """

    rates: Tensor

    def __init__(self, size: WhisperSize, depth: int, lora_rank: int = 0) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(size.mels, size.width, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(size.width, size.width, kernel_size=3, stride=2, padding=1)
        self.blocks = nn.ModuleList(
            WhisperBlock(size.width, size.heads, lora_rank) for _ in range(depth)
        )
        whole = depth == size.blocks
        self.ln_post = nn.LayerNorm(size.width) if whole else None
        self.register_buffer("rates", _rates(size.width), persistent=False)

    def forward(self, mel: Tensor) -> list[Tensor]:
        """The stem, then each block that was built; the last of a whole encoder normalised."""
        steps = functional.gelu(self.conv1(mel))
        steps = functional.gelu(self.conv2(steps)).transpose(1, 2)
        outputs = [steps]
        steps = steps + self._positions(steps)
        for block in self.blocks:
            steps = block(steps)
            outputs.append(steps)
        if self.ln_post is not None and self.blocks:
            outputs[-1] = self.ln_post(steps)
        return outputs

    def _positions(self, like: Tensor) -> Tensor:
        """Sines, then cosines (steps, width) of each step."""
        places = torch.arange(like.shape[1], device=like.device)[:, None].to(self.rates.dtype)
        angles = places * self.rates
        return torch.cat([angles.sin(), angles.cos()], dim=1)


def _rates(width: int) -> Tensor:
    """Radians from a step to the next, (width / 2), 1 to 1e-4."""
    half = width // 2
    exponents = torch.arange(half, dtype=torch.float64) / max(half - 1, 1)
    return torch.exp(-math.log(_LONGEST_WAVE) * exponents).float()
