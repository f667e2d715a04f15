"""How a detector's weights, and with them its maps, lie in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def channels_innermost(detectors: Sequence[nn.Module]) -> Iterator[None]:
    """Inside, convolutions of maps of few channels take a good half of the time on a CPU."""
    for detector in detectors:
        _lay_out(detector, torch.channels_last)
    try:
        yield
    finally:
        for detector in detectors:
            _lay_out(detector, torch.contiguous_format)


def _lay_out(detector: nn.Module, layout: torch.memory_format) -> None:
    detector.to(memory_format=layout)  # type: ignore[call-overload]  # torch's stub forgets it
