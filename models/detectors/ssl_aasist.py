"""A self-supervised front and the back end of AASIST (arXiv 2202.12233).

Sizes, and names behind the front, are those of the official release: features of the front made 128
by one linear layer, taken as a map of 128 × time; residual blocks that keep time as long as it is;
graphs by attention over the map. What differs: the waveform has zero mean and unit variance where
the front was pretrained so (the release feeds it as it comes), the layers of the front are
weighed and not the last one alone (`front_layers: last` is the release's; a frozen front needs the
lower ones), and weights that only pretraining needs are left out. Parameters: 315,884,962 with the
defaults, 447,242 of them behind the front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from models.detectors.layers.front_graphs import POOLING, FrontGraphDetector
from models.detectors.layers.spectro_temporal import GraphSizes
from models.detectors.maps import MapLayer
from models.detectors.options import whole_number
from models.detectors.self_supervised.front import FrontOptions, SslFront
from models.detectors.self_supervised.networks import FRAME, HOP
from models.detectors.self_supervised.weights import take_pretrained


class SslAasist(FrontGraphDetector):
    """Features of a self-supervised network, encoded and read by two graphs.

    Args (all of them options in params.yaml):
        front, front_sizes, front_layers, front_tuned, front_dropout: see `FrontOptions`.
        rows: of the map that the front's features become.
        widths: channels of the six residual blocks; the last one repeats where fewer are given.
        graph_dims, pool_ratios, temperatures, attention_dropout, pool_dropout, branch_dropout,
            readout_dropout: as those of `Aasist`.
    """

    def __init__(
        self,
        *,
        front: str = "xlsr-300m",
        front_sizes: Mapping[str, int] | None = None,
        front_layers: str = "weighted",
        front_tuned: int | str = "all",
        front_dropout: float = 0.0,
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
        sizes = GraphSizes(
            graph_dims, pool_ratios, temperatures,
            attention_dropout, pool_dropout, branch_dropout, readout_dropout,
        )  # fmt: skip
        options = FrontOptions(front, front_sizes, front_layers, front_tuned, front_dropout)
        self.front = SslFront(options, whole_number("rows", rows, POOLING, 4096))
        self.add_reader(rows, widths, sizes)

    def depth_groups(self) -> Sequence[Sequence[str]]:
        """The blocks of the front, each residual block, and the graphs as in AASIST."""
        return [*self.front.blocks("front"), *self.reader_groups()]

    def map_layer(self) -> MapLayer:
        """The encoder's map: three frames a column, and rows that are no frequencies."""
        return self.reader_map(HOP, (FRAME - 1) / 2)

    @property
    def published_fronts(self) -> Sequence[str]:
        """The self-supervised one."""
        return ("self-supervised",)

    def take_pretrained(self, source: str) -> None:
        """Give the front published weights, of a file, a folder or torchaudio."""
        take_pretrained(self.front, source)

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (batch, embedding_dim) and logits (batch, 2) of waveforms (batch, samples)."""
        return self.read_map(self.front(waveforms))
