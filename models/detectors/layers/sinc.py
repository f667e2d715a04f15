"""A fixed bank of band-pass filters (arXiv 2011.01108, §3.1; arXiv 2110.01200, §2.1)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.detectors.detector import SAMPLE_RATE
from models.detectors.maps import MapLayer


class SincFilters(nn.Module):
    """Waveforms (batch, samples) -> band signals (batch, filters, samples - length + 1).

    The filters are not learnt and not stored: the official release computes them again as well.
    In training, up to `masked` - 1 neighbouring bands fall silent for a whole batch (frequency
    masking; 20 in the official `Freq_aug`, 0 for none). `scale` is a key of SCALES.
    """

    filters: Tensor

    def __init__(self, filters: int, length: int, masked: int = 0, scale: str = "mel") -> None:
        super().__init__()
        bank = torch.from_numpy(sinc_bank(filters, length, scale))
        self.register_buffer("filters", bank[:, None], persistent=False)  # (filters, 1, length)
        self.masked, self.scale = masked, scale

    def map_behind(self, module: str, pooling: int, times: int) -> MapLayer:
        """The map that a module makes from magnitudes of the band signals.

        On the way bands are pooled by `pooling` once, and time so many times.
        """
        bank, _, length = self.filters.shape
        edges = band_edges(bank, self.scale)[: bank // pooling * pooling + 1 : pooling]
        hop = pooling**times
        return MapLayer(module, hop, (length - 1 + hop) / 2, tuple(edges.tolist()), unsigned=True)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Filter each waveform with each filter."""
        filters = self.filters
        if self.training and self.masked:
            filters = filters * self._mask(len(filters))
        return functional.conv1d(waveforms[:, None], filters)

    def _mask(self, bands: int) -> Tensor:
        width = int(torch.randint(self.masked, ()))
        first = int(torch.randint(bands - width + 1, ()))
        mask = torch.ones(bands, 1, 1, device=self.filters.device)
        mask[first : first + width] = 0.0
        return mask


def sinc_bank(filters: int, length: int, scale: str = "mel") -> NDArray[np.float32]:
    """Hamming-windowed ideal band-pass responses (filters, length), `length` odd.

    Neighbours share an edge; the edges lie evenly on the scale, from 0 Hz to half the sample rate.
    In float32 throughout, as in the official release: a bank rounded at the end moves the
    embedding of a chirp by 3e-5.
    """
    nyquist = SAMPLE_RATE / 2
    edges = band_edges(filters, scale)
    time = np.arange(length, dtype=np.float32) - (length - 1) // 2  # in samples, centred
    turns = (2 * edges).astype(np.float32)[:, None] * time / np.float32(SAMPLE_RATE)
    shares = (edges / nyquist).astype(np.float32)[:, None]  # of the band, below each edge
    low_passes = shares * np.sinc(turns)  # (filters + 1, length)
    bank: NDArray[np.float32] = np.diff(low_passes, axis=0) * np.hamming(length).astype(np.float32)
    return bank


def band_edges(filters: int, scale: str = "mel") -> NDArray[np.float64]:
    """Hz (filters + 1,): filter i reaches from edge i to edge i + 1."""
    return SCALES[scale](filters)


def _even_in_mel(filters: int) -> NDArray[np.float64]:
    return _mel_to_hertz(np.linspace(0.0, _hertz_to_mel(SAMPLE_RATE / 2), filters + 1))


def _even_in_hertz(filters: int) -> NDArray[np.float64]:
    return np.linspace(0.0, SAMPLE_RATE / 2, filters + 1)


def _mirrored_mel(filters: int) -> NDArray[np.float64]:
    """Narrow at the top of the band, where mel filters are wide."""
    return SAMPLE_RATE / 2 - _even_in_mel(filters)[::-1]


# name -> edges of so many neighbouring bands
SCALES: dict[str, Callable[[int], NDArray[np.float64]]] = {
    "mel": _even_in_mel,
    "inverse-mel": _mirrored_mel,
    "linear": _even_in_hertz,
}


def _hertz_to_mel(hertz: float) -> float:
    return float(2595.0 * np.log10(1.0 + hertz / 700.0))


def _mel_to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0))
