"""Light-DARTS: self-supervised features and cells found by search (arXiv 2208.09618).

From the paper: a wav2vec front, and DARTS (arXiv 1806.09055) made light by max-feature-maps, whose
cells are learnt and not drawn. The row of cells, the candidates on each edge and how a genotype is
read off are those of DARTS, with ReLU in its convolutions replaced by max-feature-maps, one
depthwise convolution instead of two in `sep-conv`, means of neighbours where maps are halved in
passing, and a stem of stride 2; front, projection and sizes are those of `ssl-aasist` where it has
the same. Parameters with the defaults: 315,863,900, of them 294,980 behind the front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from models.detectors.detector import Detector
from models.detectors.features import build_feature
from models.detectors.light_darts.default_genotype import GENOTYPE
from models.detectors.light_darts.genotype import Genotype
from models.detectors.light_darts.network import CellRow, FoundCell
from models.detectors.options import number, whole_number
from models.detectors.self_supervised.front import FrontOptions, SslFront
from models.detectors.self_supervised.weights import take_pretrained
from models.errors import InputError

SSL = "ssl"  # instead of a key of FEATURES: the self-supervised front


class CellDetector(Detector):
    """A front, cells in a row, two logits; `row` is built by the subclass."""

    def __init__(self, front: nn.Module, row: CellRow, readout_dropout: float) -> None:
        super().__init__()
        self.front = front
        self.first_bn = nn.BatchNorm2d(1)
        self.row = row
        self.drop = nn.Dropout(number("readout_dropout", readout_dropout, 0.0, 1.0))
        self.out_layer = nn.Linear(row.width, 2)

    @property
    def embedding_dim(self) -> int:
        """The channels of the last cell."""
        return self.out_layer.in_features

    def depth_groups(self) -> Sequence[Sequence[str]]:
        """The blocks of the front, the stem, each cell, the readout."""
        front = self.front.blocks("front") if isinstance(self.front, SslFront) else [("front",)]
        cells = [(f"row.cells.{cell}",) for cell in range(len(self.row.cells))]
        return [*front, ("first_bn", "row.stem"), *cells, ("out_layer",)]

    @property
    def published_fronts(self) -> Sequence[str]:
        """A self-supervised front."""
        return ("self-supervised",) if isinstance(self.front, SslFront) else ()

    def take_pretrained(self, source: str) -> None:
        """Give a self-supervised front published weights, of a file, a folder or torchaudio."""
        if not isinstance(self.front, SslFront):
            raise InputError(
                f"training.pretrained: null expected, features other than {SSL} have no pretrained "
                f"weights; found {source}"
            )
        take_pretrained(self.front, source)

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (batch, embedding_dim) and logits (batch, 2) of waveforms (batch, samples)."""
        maps = self.first_bn(self.front(waveforms)[:, None])  # (batch, 1, bins, frames)
        embedding = self.drop(self.row(maps))
        return embedding, self.out_layer(embedding)


class LightDarts(CellDetector):
    """Cells wired by a genotype, behind a front end.

    Args (all of them options in params.yaml):
        genotype: how the cells are wired, as `antiphon search` writes it.
        cells, channels: how many in a row, and channels of each node in the first of them.
        features, feature_options: `ssl`, or a key of `FEATURES` and its options.
        front, front_sizes, front_layers, front_tuned, front_dropout: of `ssl`, see `FrontOptions`.
        rows: of the map that the features of `ssl` become.
        readout_dropout: of the embedding, in training.
    """

    def __init__(
        self,
        *,
        genotype: Mapping[str, Any] = GENOTYPE,
        cells: int = 8,
        channels: int = 16,
        features: str = SSL,
        feature_options: Mapping[str, Any] | None = None,
        front: str = "xlsr-300m",
        front_sizes: Mapping[str, int] | None = None,
        front_layers: str = "weighted",
        front_tuned: int | str = "all",
        front_dropout: float = 0.0,
        rows: int = 128,
        readout_dropout: float = 0.2,
    ) -> None:
        wiring = Genotype.read(genotype)
        options = FrontOptions(front, front_sizes, front_layers, front_tuned, front_dropout)
        hearing = build_front(features, feature_options, options, rows)
        row = CellRow(
            whole_number("cells", cells, 1, 64),
            whole_number("channels", channels, 1, 1024),
            wiring.nodes,
            lambda place: FoundCell(place, wiring),
        )
        super().__init__(hearing, row, readout_dropout)


def build_front(
    features: str, feature_options: Mapping[str, Any] | None, options: FrontOptions, rows: int
) -> nn.Module:
    """Waveforms (batch, samples) -> a map (batch, bins, frames)."""
    if features == SSL:
        return SslFront(options, whole_number("rows", rows, 1, 4096))
    return build_feature(features, feature_options)
