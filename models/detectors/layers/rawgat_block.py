"""The residual block of RawGAT-ST, under the names of its official checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from models.detectors.layers.residual import ResidualBlock


class FirstBlock(nn.Module):
    """Maps (batch, 1, bands, time) -> (batch, after, bands, time // 3).

    The short cut adds the one map to every channel: the released weights have no convolution there.
    """

    def __init__(self, after: int) -> None:
        super().__init__()
        self.conv_1 = _of_one_channel(after)
        self.bn2 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, kernel_size=(2, 3), padding=(0, 1))

    def forward(self, maps: Tensor) -> Tensor:
        """Two convolutions beside a short cut, then the largest of every three time steps."""
        residual = self.conv2(functional.selu(self.bn2(self.conv_1(maps)), inplace=True))
        residual += maps
        return functional.max_pool2d(residual, (1, 3))


class LaterBlock(ResidualBlock):
    """AASIST's block with one more that idles: the release builds the first block's convolution in
    every block, and calls it in the first alone. It keeps its place in the state dict."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, after)
        self.conv_1 = _of_one_channel(after)


def rawgat_encoder(channels: Sequence[int]) -> nn.Sequential:
    """Blocks, one behind the other: maps of 1 channel -> maps of channels[-1]."""
    later = (LaterBlock(before, after) for before, after in pairwise(channels[1:]))
    return nn.Sequential(*(nn.Sequential(block) for block in (FirstBlock(channels[1]), *later)))


def _of_one_channel(after: int) -> nn.Conv2d:
    return nn.Conv2d(1, after, kernel_size=(2, 3), padding=(1, 1))
