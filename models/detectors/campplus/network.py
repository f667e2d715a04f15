"""The layers of CAM++ (arXiv 2303.00332) under the names of 3D-Speaker's release.

A head of two-dimensional residual convolutions (FCM) makes 320 rows of 80 bands; a time-delay layer
halves the frames; in each of three blocks, every layer adds 32 channels to what all before it gave
(D-TDNN), weighed by a mask from the mean of the clip and of the 100 frames around (CAM).
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.detectors.campplus.fbank import BANDS

HEAD, EMBEDDING = "head", "embedding"
_WIDTH = 32  # channels of the head, and of what a layer adds
_ROWS = _WIDTH * BANDS // 8  # of the head's output
_STEM, _BOTTLENECK, _REDUCED = 128, 128, 64  # channels
_SEGMENT = 100  # frames that a mask hears around
_EMBEDDING_DIM = 192
_BLOCKS = ((12, 1), (24, 2), (16, 2))  # layers and dilation
BLOCKS = tuple(range(1, 1 + len(_BLOCKS)))
Depth = int | str  # HEAD, a number of BLOCKS, or EMBEDDING


class Campplus(nn.Module):
    """Filter banks (batch, 80, frames) -> (batch, channels, steps).

    `depth` is the last part that is built. The head gives a step for each frame, blocks one for
    every second frame, and the embedding is one step. Weights have the names of the release.
    """

    def __init__(self, depth: Depth) -> None:
        super().__init__()
        self.head = FilterBankHead()
        self.xvector = nn.Sequential()
        self.channels = _ROWS
        self.part_channels = [self.channels]
        if depth == HEAD:
            return
        self._add("tdnn", _STEM, linear=_stem(), nonlinear=_nonlinear(_STEM))
        last = BLOCKS[-1] if depth == EMBEDDING else int(depth)
        for number, (layers, dilation) in zip(BLOCKS[:last], _BLOCKS[:last], strict=True):
            if number > 1:
                self._add_transit(number - 1)
            block = DenseBlock(self.channels, layers, dilation)
            self.xvector.add_module(f"block{number}", block)
            self.channels += layers * _WIDTH
            self.part_channels.append(self.channels)
        if depth == EMBEDDING:
            self._add_transit(last)
            self.xvector.add_module("out_nonlinear", _nonlinear(self.channels))
            self.xvector.add_module("stats", ClipStatistics())
            norm = nn.BatchNorm1d(_EMBEDDING_DIM, affine=False)
            linear = nn.Conv1d(2 * self.channels, _EMBEDDING_DIM, 1, bias=False)
            self._add("dense", _EMBEDDING_DIM, linear=linear, nonlinear=_named(batchnorm=norm))

    def forward(self, banks: Tensor) -> Tensor:
        """What the last part gives."""
        maps: Tensor = self.xvector(self.head(banks))
        return maps

    def parts(self, banks: Tensor) -> list[Tensor]:
        """Every second frame of the head, then what each block that was built gives.

        Each is (batch, its `part_channels`, steps); all have the same steps.
        """
        maps = self.head(banks)
        outputs = [maps[:, :, ::2]]
        for name, part in self.xvector.named_children():
            maps = part(maps)
            if name.startswith("block"):
                outputs.append(maps)
        return outputs

    def _add_transit(self, number: int) -> None:
        """Halve the channels behind a block."""
        half = self.channels // 2
        linear = nn.Conv1d(self.channels, half, 1, bias=False)
        self._add(f"transit{number}", half, nonlinear=_nonlinear(self.channels), linear=linear)

    def _add(self, name: str, channels: int, **parts: nn.Module) -> None:
        self.xvector.add_module(name, _named(**parts))
        self.channels = channels


class FilterBankHead(nn.Module):
    """(batch, 80, frames) -> (batch, 320, frames): 32 channels of 10 bands."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, _WIDTH, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(_WIDTH)
        self.layer1 = nn.Sequential(BandBlock(2), BandBlock(1))
        self.layer2 = nn.Sequential(BandBlock(2), BandBlock(1))
        self.conv2 = nn.Conv2d(_WIDTH, _WIDTH, 3, stride=(2, 1), padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(_WIDTH)

    def forward(self, banks: Tensor) -> Tensor:
        """Rows are channel by channel, bands within each."""
        maps = torch.relu(self.bn1(self.conv1(banks[:, None])))
        maps = self.layer2(self.layer1(maps))
        return torch.relu(self.bn2(self.conv2(maps))).flatten(1, 2)


class BandBlock(nn.Module):
    """Two convolutions of bands and frames and what goes past them; `stride` steps over bands."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(_WIDTH, _WIDTH, 3, stride=(stride, 1), padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(_WIDTH)
        self.conv2 = nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(_WIDTH)
        past: list[nn.Module] = []
        if stride > 1:
            past = [nn.Conv2d(_WIDTH, _WIDTH, 1, (stride, 1), bias=False), nn.BatchNorm2d(_WIDTH)]
        self.shortcut = nn.Sequential(*past)

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, 32, bands, frames) -> (batch, 32, bands / stride, frames)."""
        inner = torch.relu(self.bn1(self.conv1(maps)))
        return torch.relu(self.bn2(self.conv2(inner)) + self.shortcut(maps))


class DenseBlock(nn.Module):
    """Layers whose 32 channels each are put behind those of all before."""

    def __init__(self, channels: int, layers: int, dilation: int) -> None:
        super().__init__()
        for layer in range(layers):
            masked = MaskedLayer(channels + layer * _WIDTH, dilation)
            self.add_module(f"tdnnd{layer + 1}", masked)

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, channels, steps) -> (batch, channels + 32 layers, steps)."""
        for layer in self.children():
            maps = torch.cat([maps, layer(maps)], dim=1)
        return maps


class ClipStatistics(nn.Module):
    """Mean and standard deviation over time, as one step."""

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, channels, steps) -> (batch, 2 channels, 1)."""
        return torch.cat([maps.mean(dim=2), maps.std(dim=2)], dim=1)[:, :, None]


class MaskedLayer(nn.Module):
    """One layer of a dense block: (batch, channels, steps) -> (batch, 32, steps)."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = _nonlinear(channels)
        self.linear1 = nn.Conv1d(channels, _BOTTLENECK, 1, bias=False)
        self.nonlinear2 = _nonlinear(_BOTTLENECK)
        self.cam_layer = ContextMask(dilation)

    def forward(self, maps: Tensor) -> Tensor:
        """32 masked channels."""
        masked: Tensor = self.cam_layer(self.nonlinear2(self.linear1(self.nonlinear1(maps))))
        return masked


class ContextMask(nn.Module):
    """A time-delay layer whose channels are weighed by what is heard around (CAM, eq. 3 to 6)."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(
            _BOTTLENECK, _WIDTH, 3, padding=dilation, dilation=dilation, bias=False
        )
        self.linear1 = nn.Conv1d(_BOTTLENECK, _REDUCED, 1)
        self.linear2 = nn.Conv1d(_REDUCED, _WIDTH, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, 128, frames) -> (batch, 32, frames)."""
        # a mask is the same in all frames of a segment: it is computed once for each
        segments = segment_means(maps) + maps.mean(dim=2, keepdim=True)
        masks = torch.sigmoid(self.linear2(torch.relu(self.linear1(segments))))
        segment = torch.arange(maps.shape[2], device=maps.device) // _SEGMENT
        local: Tensor = self.linear_local(maps)
        return local * masks.index_select(2, segment)


def segment_means(maps: Tensor) -> Tensor:
    """Means (batch, channels, segments) over each 100 frames, the last segment shorter."""
    frames = maps.shape[2]
    padded = functional.pad(maps, (0, _SEGMENT - 1))
    sums = functional.avg_pool2d(padded[:, :, None], (1, _SEGMENT))[:, :, 0] * _SEGMENT
    starts = _SEGMENT * torch.arange(sums.shape[2], device=maps.device)
    return sums / (frames - starts).clamp(max=_SEGMENT)


def _stem() -> nn.Module:
    return nn.Conv1d(_ROWS, _STEM, 5, stride=2, padding=2, bias=False)


def _nonlinear(channels: int) -> nn.Module:
    return _named(batchnorm=nn.BatchNorm1d(channels), relu=nn.ReLU())


def _named(**modules: nn.Module) -> nn.Module:
    return nn.Sequential(OrderedDict(modules))
