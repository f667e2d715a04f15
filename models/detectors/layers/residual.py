"""The residual block of RawNet2 and AASIST, in two dimensions: (bands, time)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from models.detectors.options import several, whole_number

BLOCKS = 6


class ResidualBlock(nn.Module):
    """Maps (batch, before, bands, time) -> (batch, after, bands, time // 3).

    The paper puts batch norm and SELU before the first convolution. The official code computes
    them in every block but the first, and then convolves the untouched input: the checkpoints were
    trained that way. So `bn1` only keeps its place in the state dict here; it is never called and
    never receives a gradient. Without `pooled`, time stays as long as it is.
    """

    def __init__(
        self, before: int, after: int, *, first: bool = False, pooled: bool = True
    ) -> None:
        super().__init__()
        self.pooled = pooled
        if not first:
            self.bn1 = nn.BatchNorm2d(before)
        self.conv1 = nn.Conv2d(before, after, kernel_size=(2, 3), padding=(1, 1))
        self.bn2 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, kernel_size=(2, 3), padding=(0, 1))
        self.conv_downsample: nn.Module = nn.Identity()
        if before != after:
            self.conv_downsample = nn.Conv2d(before, after, kernel_size=(1, 3), padding=(0, 1))

    def forward(self, maps: Tensor) -> Tensor:
        """Two convolutions beside a short cut, then the largest of every three time steps."""
        # in place where nothing before needs the map for its gradient: a fifth less memory
        residual = self.conv2(functional.selu(self.bn2(self.conv1(maps)), inplace=True))
        residual += self.conv_downsample(maps)
        return functional.max_pool2d(residual, (1, 3)) if self.pooled else residual


def residual_channels(widths: Sequence[int], blocks: int = BLOCKS) -> list[int]:
    """Channels before the first block and after each, of the option `widths`."""
    channels = [
        whole_number("widths", width, 1, 4096) for width in several("widths", widths, 1, blocks)
    ]
    return [1, *channels, *[channels[-1]] * (blocks - len(channels))]


def residual_encoder(channels: Sequence[int], *, pooled: bool = True) -> nn.Sequential:
    """Residual blocks, one behind the other: maps of channels[0] -> maps of channels[-1]."""
    blocks = (
        ResidualBlock(before, after, first=place == 0, pooled=pooled)
        for place, (before, after) in enumerate(pairwise(channels))
    )
    return nn.Sequential(*(nn.Sequential(block) for block in blocks))
