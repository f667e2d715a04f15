"""Operations on the edges of a cell: those of DARTS, made light by max-feature-maps.

DARTS (arXiv 1806.09055, §3.1) ends its convolutions in batch norm and begins them with ReLU. Here a
max-feature-map (arXiv 1511.02683) takes the place of ReLU: of two halves of twice the channels, the
larger in each place. Maps are (batch, channels, rows, time); stride 2 leaves every second place of
both, rounded up. While searching, batch norm learns no scale (`affine`): it could undo the weight
of an operation.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn

from models.detectors.layers.max_feature_map import MaxFeatureMap


def light_conv(
    before: int, after: int, kernel: int = 1, stride: int = 1, *, affine: bool = True
) -> nn.Sequential:
    """A convolution, a max-feature-map, batch norm."""
    return nn.Sequential(
        nn.Conv2d(before, 2 * after, kernel, stride, padding=kernel // 2, bias=False),
        MaxFeatureMap(),
        nn.BatchNorm2d(after, affine=affine),
    )


def light_halving(before: int, after: int, *, affine: bool = True) -> nn.Sequential:
    """Half the rows and half the time, by means of neighbours."""
    pool = nn.AvgPool2d(3, stride=2, padding=1)
    return nn.Sequential(pool, light_conv(before, after, affine=affine))


def _skip(channels: int, stride: int, affine: bool) -> nn.Module:
    return nn.Identity() if stride == 1 else light_halving(channels, channels, affine=affine)


def _max_pool(channels: int, stride: int, affine: bool) -> nn.Module:
    pool = nn.MaxPool2d(3, stride, padding=1)
    return nn.Sequential(pool, nn.BatchNorm2d(channels, affine=affine))


def _avg_pool(channels: int, stride: int, affine: bool) -> nn.Module:
    pool = nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)
    return nn.Sequential(pool, nn.BatchNorm2d(channels, affine=affine))


def _separable(
    channels: int, stride: int, affine: bool, *, kernel: int, dilation: int
) -> nn.Module:
    """Each channel by itself over rows and time, then all channels of each place."""
    depthwise = nn.Conv2d(
        channels, channels, kernel, stride,
        padding=dilation * (kernel // 2), dilation=dilation, groups=channels, bias=False,
    )  # fmt: skip
    return nn.Sequential(depthwise, light_conv(channels, channels, affine=affine))


# name -> (channels, stride, affine) -> maps of as many channels
OPERATIONS: dict[str, Callable[[int, int, bool], nn.Module]] = {
    "skip": _skip,
    "max-pool-3": _max_pool,
    "avg-pool-3": _avg_pool,
    "sep-conv-3": partial(_separable, kernel=3, dilation=1),
    "sep-conv-5": partial(_separable, kernel=5, dilation=1),
    "dil-conv-3": partial(_separable, kernel=3, dilation=2),
    "dil-conv-5": partial(_separable, kernel=5, dilation=2),
}
