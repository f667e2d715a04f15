"""RawNet2 for anti-spoofing (arXiv 2011.01108), as the baseline of ASVspoof 2021 builds it.

Names of modules and parameters are those of the baseline, and so are the defaults, with which it
has 17,621,410 parameters. The sizes of the paper are `sinc_filters: 128`, `sinc_length: 129`,
`widths: [128, 512]`, `preactivation: true`.

The baseline answers with the logarithm of a softmax, whose difference of both classes is that of
the logits given here. The authors' code for inverse-mel filters shifts the mel edges by 1 Hz and
turns their order; here, as the paper says, they are mirrored: narrow at the top of the band.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from models.detectors.detector import Detector
from models.detectors.layers.gru import Gru
from models.detectors.layers.sinc import SCALES, SincFilters
from models.detectors.options import choice, flag, several, whole_number
from models.errors import InputError

BLOCKS = 6  # two of the first width, four of the second
POOLING = 3  # of time, after the filters and after each block
SLOPE = 0.3  # of leaky ReLU, below zero


class RawNet2(Detector):
    """Residual blocks over filtered speech, each with a gain for every channel, then a GRU.

    Args (all of them options in params.yaml):
        sinc_filters, sinc_length: band-pass filters and their samples.
        sinc_scale: mel | inverse-mel | linear: on which the filters lie evenly.
        widths: channels of the first two residual blocks and of the other four.
        gru_units, gru_layers: of the recurrence.
        embedding: numbers in an embedding.
        preactivation: whether batch norm and leaky ReLU act in front of a block's first
            convolution, as in the paper; the baseline computes them and throws them away.
        frequency_mask: in training, fewer than this many neighbouring filters fall silent; 0 for
            none, as published.
    """

    def __init__(
        self,
        *,
        sinc_filters: int = 20,
        sinc_length: int = 1025,
        sinc_scale: str = "mel",
        widths: Sequence[int] = (20, 128),
        gru_units: int = 1024,
        gru_layers: int = 3,
        embedding: int = 1024,
        preactivation: bool = False,
        frequency_mask: int = 0,
    ) -> None:
        super().__init__()
        filters = whole_number("sinc_filters", sinc_filters, 2, 1024)
        if whole_number("sinc_length", sinc_length, 3, 4097) % 2 == 0:
            raise InputError(f"option sinc_length: an odd number expected, found {sinc_length}")
        scale = choice("sinc_scale", sinc_scale, SCALES)
        masked = whole_number("frequency_mask", frequency_mask, 0, filters)
        flag("preactivation", preactivation)
        narrow, wide = (
            whole_number("widths", width, 1, 4096) for width in several("widths", widths, 2, 2)
        )
        units = whole_number("gru_units", gru_units, 1, 8192)
        layers = whole_number("gru_layers", gru_layers, 1, 16)
        dim = whole_number("embedding", embedding, 1, 8192)

        self.Sinc_conv = SincFilters(filters, sinc_length, masked, scale)
        self.first_bn = nn.BatchNorm1d(filters)
        channels = [filters, *[narrow] * 2, *[wide] * (BLOCKS - 2)]
        for place, (before, after) in enumerate(pairwise(channels)):
            block = Block(before, after, first=place == 0, preactivation=preactivation)
            self.add_module(f"block{place}", nn.Sequential(block))
        for place, width in enumerate(channels[1:]):
            self.add_module(f"fc_attention{place}", nn.Sequential(nn.Linear(width, width)))
        self.bn_before_gru = nn.BatchNorm1d(wide)
        self.gru = Gru(wide, units, layers)
        self.fc1_gru = nn.Linear(units, dim)
        self.fc2_gru = nn.Linear(dim, 2)

    @property
    def embedding_dim(self) -> int:
        """Outputs of the last but one linear layer."""
        return self.fc1_gru.out_features

    @property
    def last_layer(self) -> nn.Linear:
        """The layer that makes the logits of the embedding."""
        return self.fc2_gru

    def depth_groups(self) -> Sequence[Sequence[str]]:
        """The filters, each residual block with its gains, the recurrence, the readout."""
        return [
            ("Sinc_conv", "first_bn"),
            *((f"block{place}", f"fc_attention{place}") for place in range(BLOCKS)),
            ("bn_before_gru", "gru"),
            ("fc1_gru", "fc2_gru"),
        ]

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (batch, embedding_dim) and logits (batch, 2) of waveforms (batch, samples)."""
        bands = _pool(self.Sinc_conv(waveforms).abs())
        maps = functional.selu(self.first_bn(bands))  # (batch, filters, time)
        for place in range(BLOCKS):
            maps = self._block(maps, place)
        steps = functional.selu(self.bn_before_gru(maps)).transpose(1, 2)
        embedding = self.fc1_gru(self.gru(steps))
        return embedding, self.fc2_gru(embedding)

    def _block(self, maps: Tensor, place: int) -> Tensor:
        """A residual block, then x · y + y with a gain y in 0–1 for each channel (§3.3)."""
        maps = self.get_submodule(f"block{place}")(maps)
        gains = self.get_submodule(f"fc_attention{place}")(maps.mean(dim=2)).sigmoid()[:, :, None]
        scaled: Tensor = maps * gains + gains
        return scaled


class Block(nn.Module):
    """Maps (batch, before, time) -> (batch, after, time // 3).

    `bn1` has its place in the state dict either way; without `preactivation` it is never called.
    """

    def __init__(self, before: int, after: int, *, first: bool, preactivation: bool) -> None:
        super().__init__()
        self.activated = preactivation and not first
        if not first:
            self.bn1 = nn.BatchNorm1d(before)
        self.conv1 = nn.Conv1d(before, after, kernel_size=3, padding=1)
        self.bn2 = nn.BatchNorm1d(after)
        self.conv2 = nn.Conv1d(after, after, kernel_size=3, padding=1)
        self.conv_downsample: nn.Module = nn.Identity()
        if before != after:
            self.conv_downsample = nn.Conv1d(before, after, kernel_size=1)

    def forward(self, maps: Tensor) -> Tensor:
        """Two convolutions beside a short cut, then the largest of every three time steps."""
        inner = functional.leaky_relu(self.bn1(maps), SLOPE) if self.activated else maps
        inner = functional.leaky_relu(self.bn2(self.conv1(inner)), SLOPE)
        return _pool(self.conv2(inner) + self.conv_downsample(maps))


def _pool(maps: Tensor) -> Tensor:
    """The largest of every three time steps (batch, channels, time // 3)."""
    # not max_pool1d: torch's exporter would fix the length
    return functional.max_pool2d(maps, (1, POOLING))
