"""Whisper's encoder, and the back end of AASIST (arXiv 2306.01428, 2202.12233).

The back end is that of `ssl-aasist`. Its map has, for each of the chosen layers, an equal share of
the rows. Parameters: 10,751,754 with the defaults, 385,802 of them behind the front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from models.detectors.layers.front_graphs import POOLING, FrontGraphDetector
from models.detectors.layers.spectro_temporal import GraphSizes
from models.detectors.maps import MapLayer
from models.detectors.options import whole_number
from models.detectors.whisper.detector import WhisperDetector
from models.detectors.whisper.front import STEP, LayerMix, WhisperFront, WhisperOptions


class WhisperAasist(FrontGraphDetector, WhisperDetector):
    """Layers of the encoder, mixed into a map that two graphs read.

    Args (all of them options in params.yaml):
        size, sizes, layers, front_tuned, front_rate, lora_rank: see `WhisperOptions`.
        mix: as of `Whisper`.
        rows: of the map; with `concat` a multiple of the number of layers.
        widths, graph_dims, pool_ratios, temperatures, attention_dropout, pool_dropout,
            branch_dropout, readout_dropout: as those of `SslAasist`.
    """

    def __init__(
        self,
        *,
        size: str = "base",
        sizes: Mapping[str, int] | None = None,
        layers: Sequence[int] = (0, 1, 2, 3),
        front_tuned: int | str = "all",
        front_rate: float = 0.03,
        lora_rank: int = 0,
        mix: str = "concat",
        rows: int = 128,
        widths: Sequence[int] = (32, 32, 64, 64),
        graph_dims: Sequence[int] = (64, 32),
        pool_ratios: Sequence[float] = (0.5, 0.5, 0.5),
        temperatures: Sequence[float] = (2.0, 2.0, 100.0),
        attention_dropout: float = 0.2,
        pool_dropout: float = 0.3,
        branch_dropout: float = 0.2,
        readout_dropout: float = 0.5,
    ) -> None:
        super().__init__()
        graphs = GraphSizes(
            graph_dims, pool_ratios, temperatures,
            attention_dropout, pool_dropout, branch_dropout, readout_dropout,
        )  # fmt: skip
        options = WhisperOptions(size, sizes, layers, front_tuned, front_rate, lora_rank)
        whole_number("rows", rows, POOLING, 4096)
        self.front = WhisperFront(options)
        self.mix = LayerMix(options.architecture.width, len(options.layers), rows, mix)
        self.add_reader(rows, widths, graphs)

    def depth_groups(self) -> Sequence[Sequence[str]]:
        """The blocks of the front, what joins its layers, each residual block, and the graphs."""
        return [*self.front.blocks("front"), ("mix",), *self.reader_groups()]

    def map_layer(self) -> MapLayer:
        """The encoder's map: three steps a column, and rows that are no frequencies."""
        return self.reader_map(STEP, 0.0)

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (batch, embedding_dim) and logits (batch, 2) of waveforms (batch, samples)."""
        return self.read_map(self.mix(self.front(waveforms)))
