"""Whisper's encoder, and attentive statistics of some of its lower layers.

The lower layers tell synthetic speech from human speech better than the last ones (arXiv
2306.01428, 2502.03559), and are cheap: with the defaults, half of Whisper base. What reads them is
ours: each layer normalised and projected, attentive mean and deviation over time (Okabe et al.,
2018), one dense layer. Parameters: 10,567,554 with the defaults, 201,602 of them behind the front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn import functional

from models.detectors.layers.attentive_pooling import AttentivePooling
from models.detectors.maps import MapLayer
from models.detectors.options import number, whole_number
from models.detectors.whisper.detector import WhisperDetector
from models.detectors.whisper.front import STEP, LayerMix, WhisperFront, WhisperOptions


class Whisper(WhisperDetector):
    """Layers of the encoder, mixed, pooled over time, and made an embedding.

    Args (all of them options in params.yaml):
        size, sizes, layers, front_tuned, front_rate, lora_rank: see `WhisperOptions`.
        mix: `concat`, an equal share of the rows for each layer, or `weighted`, a learnt mean of
            the layers.
        rows: features of a step; with `concat` a multiple of the number of layers.
        embedding: numbers in the embedding.
        dropout: in training, of the embedding and what it is made of.
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
        rows: int = 256,
        embedding: int = 128,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        options = WhisperOptions(size, sizes, layers, front_tuned, front_rate, lora_rank)
        whole_number("rows", rows, 1, 65_536)
        number("dropout", dropout, 0.0, 1.0)
        self.front = WhisperFront(options)
        self.mix = LayerMix(options.architecture.width, len(options.layers), rows, mix)
        self.map = nn.Identity()  # what it hears is drawn by Grad-CAM
        self.pool = AttentivePooling(rows)
        self.dense = nn.Linear(2 * rows, whole_number("embedding", embedding, 1, 65_536))
        self.drop = nn.Dropout(dropout)
        self.out_layer = nn.Linear(embedding, 2)

    @property
    def embedding_dim(self) -> int:
        """Outputs of the dense layer."""
        return self.out_layer.in_features

    def depth_groups(self) -> Sequence[Sequence[str]]:
        """The blocks of the front, what joins its layers, the head."""
        return [*self.front.blocks("front"), ("mix", "pool"), ("dense", "out_layer")]

    def map_layer(self) -> MapLayer:
        """Features of each step of 20 ms, as one row that is no frequency."""
        return MapLayer("map", STEP, 0.0)

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (batch, embedding_dim) and logits (batch, 2) of waveforms (batch, samples)."""
        steps = self.mix(self.front(waveforms))
        steps = self.map(steps[:, :, None]).squeeze(2)
        pooled = self.drop(self.pool(steps))
        embedding = self.drop(functional.gelu(self.dense(pooled)))
        return embedding, self.out_layer(embedding)
