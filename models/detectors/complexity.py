"""The size of a detector: its parameters, and the multiplications of one window."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from models.compute.eval_mode import evaluation_mode


@dataclass(frozen=True)
class Complexity:
    """Size and work of a detector."""

    parameters: int  # all of them; what is computed and not learnt, as sinc filters, is none
    trainable: int  # those of them that are not frozen
    macs: int  # multiply-accumulates of one window


def complexity(detector: nn.Module, samples: int) -> Complexity:
    """Parameters of a detector, and multiply-accumulates of one window of so many samples.

    Counted are convolutions and products of matrices, those inside recurrences and attention too:
    half of the floating-point operations that torch counts. Fourier transforms, pooling, norms,
    activations and whatever else goes number by number are not. The forward pass is really run,
    once, where the detector is.
    """
    weights = list(detector.parameters())
    place = weights[0].device if weights else torch.device("cpu")
    window = torch.zeros(1, samples, device=place)
    counter = FlopCounterMode(display=False)
    with evaluation_mode(detector), torch.no_grad(), _in_plain_operators(), counter:
        detector(window)
    return Complexity(
        parameters=sum(weight.numel() for weight in weights),
        trainable=sum(weight.numel() for weight in weights if weight.requires_grad),
        macs=counter.get_total_flops() // 2,
    )


@contextmanager
def _in_plain_operators() -> Iterator[None]:
    """Recurrence and attention as products of matrices: torch does not count its fused kernels."""
    onednn, fused = torch.backends.mkldnn, torch.backends.mha.get_fastpath_enabled()
    enabled = onednn.enabled
    onednn.enabled = False  # type: ignore[assignment]  # a switch, for all that its type says
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        onednn.enabled = enabled
        torch.backends.mha.set_fastpath_enabled(fused)
