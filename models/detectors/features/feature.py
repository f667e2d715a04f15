"""What every spectral front end is: a torch module from waveforms to rows over frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional

SAMPLE_RATE = 16_000  # Hz, of every waveform a feature hears
LONGEST_FRAME = 8_000  # samples: the shortest waveform fills it
FLOOR = 1e-6  # added to powers before their logarithm, as in torchaudio's log_mels and log_lf
# torch's exporter takes terms up to 1e-8 for zeros and leaves them out of the graph
LEAST_FLOOR = 1e-7


class Feature(nn.Module, ABC):
    """Waveforms (batch, samples) of 16 kHz -> (batch, bins, 1 + samples // hop), in float32.

    Nothing in a feature is learnt or stored, and no clip changes another. Frames lie around every
    `hop`-th sample, the first of them included, whatever the feature: rows of two features with
    one hop can be stacked.
    """

    hop: int  # samples from a frame to the next

    @property
    @abstractmethod
    def bins(self) -> int:
        """Rows of the output."""

    @abstractmethod
    def rows(self, waveforms: Tensor) -> Tensor:
        """(batch, bins, frames) of waveforms (batch, samples)."""

    def forward(self, waveforms: Tensor) -> Tensor:
        """`rows`, in the precision of the waveforms even where detectors compute in bf16."""
        with full_precision(waveforms.device.type):
            return self.rows(waveforms)


def mirrored(waveforms: Tensor, before: int, after: int) -> Tensor:
    """Waveforms (batch, 1, before + samples + after), continued by their mirror images."""
    return functional.pad(waveforms[:, None], (before, after), mode="reflect")


def full_precision(device: str) -> AbstractContextManager[object]:
    """Autocast off on a kind of device: logarithms of sums with eight bits each would be noise."""
    if torch.is_autocast_enabled(device):
        return torch.autocast(device, enabled=False)
    return nullcontext()
