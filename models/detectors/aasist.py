"""AASIST: integrated spectro-temporal graph attention on raw waveforms (arXiv 2110.01200).

Faithful to the official release, whose checkpoints load as they are: the names of modules and
parameters are theirs. Parameters: 297,866 with the defaults, 85,306 as AASIST-L.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional

from models.detectors.layers.residual import BLOCKS, residual_channels, residual_encoder
from models.detectors.layers.sinc import SincFilters
from models.detectors.layers.spectro_temporal import GRAPH_BLOCKS, GraphDetector, GraphSizes
from models.detectors.maps import MapLayer, NodeLayer
from models.detectors.options import whole_number
from models.detectors.plain_weights import fill, read_weights
from models.errors import InputError

POOLING = 3  # of bands and time after the filters, and of time after each block


class Aasist(GraphDetector):
    """A residual encoder of the filtered waveform, two graphs over it, and two ways to join them.

    Args (all of them options in params.yaml):
        sinc_filters, sinc_length: band-pass filters and their samples.
        blocks: residual blocks; each keeps a third of the time.
        widths: channels of the residual blocks; the last one repeats where fewer are given.
        graph_dims: features of nodes within one graph, and of nodes in the joined graph. The
            embedding has five times the latter: (128, 128) makes it 640.
        pool_ratios: share of nodes kept of the spectral, the temporal and the joined graphs.
        temperatures: of attention in the spectral, the temporal and the joined graphs.
        attention_dropout, pool_dropout, branch_dropout, readout_dropout: in training, as published.
        frequency_mask: in training, fewer than this many neighbouring filters fall silent
            (20 in the official release, where it was off); 0 for none.
    """

    def __init__(
        self,
        *,
        sinc_filters: int = 70,
        sinc_length: int = 129,
        blocks: int = BLOCKS,
        widths: Sequence[int] = (32, 32, 64, 64),
        graph_dims: Sequence[int] = (64, 32),
        pool_ratios: Sequence[float] = (0.5, 0.7, 0.5),
        temperatures: Sequence[float] = (2.0, 2.0, 100.0),
        attention_dropout: float = 0.2,
        pool_dropout: float = 0.3,
        branch_dropout: float = 0.2,
        readout_dropout: float = 0.5,
        frequency_mask: int = 0,
    ) -> None:
        super().__init__()
        channels = residual_channels(widths, whole_number("blocks", blocks, 4, 7))
        bands = whole_number("sinc_filters", sinc_filters, 2 * POOLING, 1024) // POOLING
        if whole_number("sinc_length", sinc_length, 3, 4097) % 2 == 0:
            raise InputError(f"option sinc_length: an odd number expected, found {sinc_length}")
        masked = whole_number("frequency_mask", frequency_mask, 0, sinc_filters)
        sizes = GraphSizes(
            graph_dims, pool_ratios, temperatures,
            attention_dropout, pool_dropout, branch_dropout, readout_dropout,
        )  # fmt: skip
        self.conv_time = SincFilters(sinc_filters, sinc_length, masked)
        self.first_bn = nn.BatchNorm2d(1)
        self.encoder = residual_encoder(channels)
        self.add_graphs(channels[-1], bands, sizes)

    def depth_groups(self) -> Sequence[Sequence[str]]:
        """The filters, each residual block, the two graphs, the joined graph, the readout."""
        blocks = ((f"encoder.{block}",) for block in range(len(self.encoder)))
        return [("conv_time", "first_bn"), *blocks, *GRAPH_BLOCKS]

    def take_pretrained(self, source: str) -> None:
        """Start from the file of a checkpoint of the official release, all of it."""
        fill(self, read_weights(Path(source)), source, "AASIST")

    def map_layer(self) -> MapLayer:
        """The encoder's map: three filters a row, 3⁷ samples a column with six blocks."""
        return self.conv_time.map_behind("encoder", POOLING, len(self.encoder) + 1)

    def node_layers(self) -> Sequence[NodeLayer]:
        """The spectral and the temporal graph."""
        return (
            NodeLayer("GAT_layer_S", "pool_S", "frequency"),
            NodeLayer("GAT_layer_T", "pool_T", "time"),
        )

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (batch, embedding_dim) and logits (batch, 2) of waveforms (batch, samples)."""
        magnitudes = self._encode(waveforms).abs()
        spectral = magnitudes.amax(dim=3).transpose(1, 2)
        temporal = magnitudes.amax(dim=2).transpose(1, 2)
        return self.read_out(spectral, temporal)

    def _encode(self, waveforms: Tensor) -> Tensor:
        """Maps (batch, features, bands, time) of waveforms; 64,600 samples give 23 bands × 29."""
        bands = self.conv_time(waveforms).abs()[:, None]  # (batch, 1, filters, samples)
        maps: Tensor = self.encoder(
            functional.selu(self.first_bn(functional.max_pool2d(bands, POOLING)))
        )
        return maps
