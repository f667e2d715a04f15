"""Banks of triangular filters over the frequencies of a spectrum, by torchaudio."""

from __future__ import annotations

import warnings

from torch import Tensor

from models.detectors.features.feature import SAMPLE_RATE
from models.detectors.options import number
from models.errors import InputError

NYQUIST = SAMPLE_RATE / 2  # Hz


def mel_filters(bands: int, bins: int, lowest_hz: float, highest_hz: float) -> Tensor:
    """Filters (bands, bins) spaced evenly on the mel scale (HTK's), each with a peak of 1.

    Raises InputError where a filter would hear no frequency at all.
    """
    from torchaudio.functional import melscale_fbanks

    low, high = band_edges(lowest_hz, highest_hz)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of empty filters, which are refused below
        bank = melscale_fbanks(bins, low, high, bands, SAMPLE_RATE)
    return _checked(bank, "bands")


def linear_filters(filters: int, bins: int, lowest_hz: float, highest_hz: float) -> Tensor:
    """Filters (filters, bins) spaced evenly in Hz, each with a peak of 1; raises as above."""
    from torchaudio.functional import linear_fbanks

    low, high = band_edges(lowest_hz, highest_hz)
    return _checked(linear_fbanks(bins, low, high, filters, SAMPLE_RATE), "filters")


def band_edges(lowest_hz: float, highest_hz: float) -> tuple[float, float]:
    """Both checked, in Hz."""
    low = number("lowest_hz", lowest_hz, 0.0, NYQUIST)
    high = number("highest_hz", highest_hz, 1.0, NYQUIST)
    if low >= high:
        raise InputError(
            f"option lowest_hz: less than highest_hz ({high:g}) expected, found {low:g}"
        )
    return low, high


def _checked(bank: Tensor, option: str) -> Tensor:
    """A bank (bins, n) as (n, bins); raises InputError where a filter is empty."""
    count = bank.shape[1]
    empty = int((bank.amax(dim=0) <= 0).sum())
    if empty:
        raise InputError(
            f"option {option}: fewer than {count}, or a longer fft, expected: "
            f"{empty} of the filters would lie between two frequencies"
        )
    return bank.T.contiguous()
