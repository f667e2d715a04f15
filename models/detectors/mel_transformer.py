"""A transformer over a log-mel spectrogram that convolutions have summed up.

No paper: the parts are those of the design notes of this project, which report 7.1 % EER and 92.4 %
accuracy for them, on data and with sizes they do not name. From the notes: log-mel spectrogram,
convolutions for local patterns, self-attention of a transformer, dense layers, and training with
binary cross-entropy, AdamW and masks in time and frequency (`docs/detectors.md` has the params).
Our choice: every size, two blocks that halve both axes, layers that normalise first, sinusoidal
positions, the mean over time.

Parameters: 993,154 with the defaults.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from models.detectors.detector import Detector
from models.detectors.features import build_feature
from models.detectors.layers.convolutions import ConvStack
from models.detectors.layers.self_attention import TransformerLayer, positions
from models.detectors.layers.spectral_masks import SpectralMasks
from models.detectors.options import number, several, whole_number
from models.errors import InputError


class MelTransformer(Detector):
    """Log-mel bands, convolutions, attention between all moments, two dense layers.

    Args (all of them options in params.yaml):
        bands, frame, hop, fft: of the log-mel spectrogram; the last three in samples.
        widths: channels of the convolutions; each halves bands and frames.
        features: of a step in the transformer; even, and a multiple of `heads`.
        layers, heads, feed_forward: of the transformer.
        dense: numbers in the embedding, the first dense layer.
        dropout: in training, everywhere.
        frequency_mask: in training, two stretches of at most this many neighbouring bands are
            hidden, others in each clip; 0 for none.
        time_mask: in training, two stretches of at most this share of the frames are; 0 for none.
    """

    def __init__(
        self,
        *,
        bands: int = 80,
        frame: int = 400,
        hop: int = 160,
        fft: int = 512,
        widths: Sequence[int] = (32, 64),
        features: int = 128,
        layers: int = 4,
        heads: int = 4,
        feed_forward: int = 512,
        dense: int = 128,
        dropout: float = 0.1,
        frequency_mask: int = 0,
        time_mask: float = 0.0,
    ) -> None:
        super().__init__()
        _check_transformer(features, heads, feed_forward)
        channels = [
            whole_number("widths", width, 1, 4096) for width in several("widths", widths, 1, 5)
        ]
        dropout = number("dropout", dropout, 0.0, 1.0)
        sizes = {"bands": bands, "frame": frame, "hop": hop, "fft": fft}
        self.feature = build_feature("mel", sizes)
        self.norm = nn.BatchNorm1d(self.feature.bins)
        self.masks = SpectralMasks(
            whole_number("frequency_mask", frequency_mask, 0, self.feature.bins),
            number("time_mask", time_mask, 0.0, 1.0),
        )
        self.convolutions = ConvStack(1, self.feature.bins, channels, dropout)
        self.project = nn.Linear(self.convolutions.features, features)
        self.layers = nn.ModuleList(
            TransformerLayer(features, heads, feed_forward, dropout)
            for _ in range(whole_number("layers", layers, 1, 64))
        )
        self.last_norm = nn.LayerNorm(features)
        self.dense = nn.Linear(features, whole_number("dense", dense, 1, 4096))
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(dense, 2)

    @property
    def embedding_dim(self) -> int:
        """Outputs of the first dense layer."""
        return self.out.in_features

    @property
    def last_layer(self) -> nn.Linear:
        """The layer that makes the logits of the embedding."""
        return self.out

    def depth_groups(self) -> Sequence[Sequence[str]]:
        """Each block of convolutions, the bridge to the transformer, each layer, the head."""
        first, *others = (f"convolutions.blocks.{i}" for i in range(len(self.convolutions.blocks)))
        return [
            ("norm", first),
            *((block,) for block in others),
            ("project",),
            *((f"layers.{i}",) for i in range(len(self.layers))),
            ("last_norm", "dense", "out"),
        ]

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (batch, embedding_dim) and logits (batch, 2) of waveforms (batch, samples)."""
        mel = self.masks(self.norm(self.feature(waveforms)))  # (batch, bands, frames)
        steps = self.project(self.convolutions(mel[:, None]))  # (batch, steps, features)
        steps = self.drop(steps + positions(steps))
        for layer in self.layers:
            steps = layer(steps)
        embedding = self.drop(functional.gelu(self.dense(self.last_norm(steps).mean(dim=1))))
        return embedding, self.out(embedding)


def _check_transformer(features: int, heads: int, feed_forward: int) -> None:
    """Raise InputError where these sizes of the transformer are of no use."""
    if whole_number("features", features, 2, 8192) % 2:
        raise InputError(f"option features: an even number expected, found {features}")
    whole_number("heads", heads, 1, 1024)
    whole_number("feed_forward", feed_forward, 1, 65_536)
