"""Low-rank adaptation (LoRA, arXiv 2106.09685) of a linear map."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class LoraLinear(nn.Linear):
    """A linear map W, or W + BA where `rank` is not 0 (eq. 3, with α equal to the rank).

    B begins as zeros, so that the map begins as W. The product is computed in two steps in
    training; in evaluation mode it is added to W first, which an exported graph holds as one
    matrix.
    """

    def __init__(self, inputs: int, outputs: int, *, rank: int = 0) -> None:
        super().__init__(inputs, outputs)
        self.rank = rank
        if rank:
            self.lora_a = nn.Parameter(torch.empty(rank, inputs))
            self.lora_b = nn.Parameter(torch.zeros(outputs, rank))
            nn.init.kaiming_uniform_(self.lora_a, a=5**0.5)

    def forward(self, inputs: Tensor) -> Tensor:
        """(…, inputs) -> (…, outputs)."""
        if not self.rank:
            return super().forward(inputs)
        if not self.training:
            return functional.linear(inputs, self.weight + self.lora_b @ self.lora_a, self.bias)
        low = functional.linear(functional.linear(inputs, self.lora_a), self.lora_b)
        return super().forward(inputs) + low


def is_lora(name: str) -> bool:
    """Whether a parameter of this name belongs to a low-rank change."""
    return name.rpartition(".")[2] in ("lora_a", "lora_b")
