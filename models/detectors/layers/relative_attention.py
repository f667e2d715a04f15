"""WavLM's attention in plain operations (arXiv 2110.13900, eq. 3–7), with torchaudio's weights.

torchaudio hands the position bias to a fused kernel, and a graph traced from that cannot be written
as ONNX: the kernel lays its answer out in memory otherwise than its decomposition does.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from torchaudio.models.wav2vec2.wavlm_attention import WavLMSelfAttention


class RelativeAttention(WavLMSelfAttention):  # type: ignore[misc]  # torchaudio has no types
    """Frames attend to each other by content and by distance."""

    def forward(
        self,
        query: Tensor,
        key_padding_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_bias: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """(batch, frames, width) -> the same, and the bias (1, heads, frames, frames) for others.

        The first layer works the bias out. Clips of a batch are of one length: no masks.
        """
        if key_padding_mask is not None or attention_mask is not None:
            raise ValueError("no mask expected: clips of a batch are of one length")
        batch, frames, width = query.shape
        if position_bias is None:
            position_bias = self.compute_bias(frames, frames)[None]

        def heads(maps: Tensor) -> Tensor:
            return maps.view(batch, frames, self.num_heads, self.head_dim).transpose(1, 2)

        attention = self.attention
        projected = functional.linear(query, attention.in_proj_weight, attention.in_proj_bias)
        queries, keys, values = (heads(part) for part in projected.chunk(3, dim=-1))
        scores = queries @ keys.transpose(2, 3) * self.head_dim**-0.5
        scores = scores + self._gate(heads(query)) * position_bias
        shares = functional.dropout(torch.softmax(scores, dim=-1), self.dropout, self.training)
        attended = (shares @ values).transpose(1, 2).reshape(batch, frames, width)
        return attention.out_proj(attended), position_bias

    def _gate(self, heads: Tensor) -> Tensor:
        """How much the bias counts for each frame (batch, heads, frames, 1)."""
        halves = self.gru_rel_pos_linear(heads).unflatten(-1, (2, 4)).sum(dim=-1)
        update, reset = torch.sigmoid(halves).chunk(2, dim=-1)
        gate: Tensor = update * (reset * self.gru_rel_pos_const - 1.0) + 2.0
        return gate
