"""Sharpness-aware minimisation: a step by the gradient where the loss nearby is highest.

Foret et al., ICLR 2021 (arXiv 2010.01412), algorithm 1: the weights climb by a radius along their
gradient, the gradient is taken there, and the step is made from where they were.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def climbed(module: nn.Module, radius: float) -> Iterator[None]:
    """Inside, the weights of a module are `radius` further along their gradient, in all.

    Afterwards weights and buffers are back bit for bit; a batch changes running statistics once.
    A gradient of zero climbs nowhere.
    """
    weights = [weight for weight in module.parameters() if weight.grad is not None]
    norm = torch.stack([weight.grad.norm() for weight in weights if weight.grad is not None]).norm()
    before = [weight.detach().clone() for weight in weights]
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
    with torch.no_grad():
        for weight in weights:
            weight.add_(weight.grad * (radius / norm.clamp_min(torch.finfo(norm.dtype).tiny)))
    try:
        yield
    finally:
        with torch.no_grad():
            for weight, value in zip(weights, before, strict=True):
                weight.copy_(value)
            for buffer, value in buffers:
                buffer.copy_(value)
