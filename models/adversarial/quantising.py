"""Attacked waveforms as a 16-bit file would hold them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

FULL_SCALE = 32_768.0


def quantised(attacked: Tensor, clean: Tensor, snr_db: float) -> Tensor:
    """Attacked waveforms (b, samples) on the 16-bit grid, never louder than the SNR allows.

    Plain rounding may make a perturbation louder than it was. Here each sample's perturbation is
    cut towards zero, and those that lost most are rounded up while the energy lasts. What is below
    half a step everywhere is gone, as it would be from a file. `clean` is taken as 16-bit itself.
    """
    grid = (clean.double() * FULL_SCALE).round().clamp(-FULL_SCALE, FULL_SCALE - 1)
    perturbation = attacked.double() * FULL_SCALE - grid
    cut = perturbation.trunc()
    lost = (perturbation - cut).abs()  # below 1
    energy = grid.square().sum(dim=1, keepdim=True) * math.pow(10.0, -snr_db / 10.0)
    budget = energy - cut.square().sum(dim=1, keepdim=True)
    price = torch.where(lost >= 0.5, 2 * cut.abs() + 1, 0.0)  # of one step more
    order = torch.argsort(lost, dim=1, descending=True, stable=True)
    affordable = price.gather(1, order).cumsum(dim=1) <= budget
    up = torch.zeros_like(price).scatter(1, order, affordable.to(price)) * (lost >= 0.5)
    rounded = cut + up * perturbation.sign()
    samples = (grid + rounded).clamp(-FULL_SCALE, FULL_SCALE - 1)
    return (samples / FULL_SCALE).to(attacked)
