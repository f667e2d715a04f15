"""Convolutions over MFCCs and their deltas, then multi-head self-attention over time.

No paper: the parts are those of the design notes of this project, which report 69.8 % accuracy for
them at a learning rate of 1e-5, on data they do not name. From the notes: MFCCs with deltas,
convolutions, multi-head self-attention over time, global pooling, dropout 0.3, wavelet packets
beside the MFCCs as an option; early stopping with patience 5, and convolutions that stay frozen in
the first epochs of fine-tuning (`docs/detectors.md` has the params). Our choice: every size, deltas
as channels of one picture, attention in a residual without positions, the mean over time.

Parameters: 242,578 with the defaults.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.detectors.detector import Detector
from models.detectors.features import Feature, build_feature
from models.detectors.layers.convolutions import ConvStack
from models.detectors.layers.self_attention import SelfAttention
from models.detectors.options import flag, number, several, whole_number


class MfccAttention(Detector):
    """MFCCs as a picture of three channels, convolutions over it, attention over their steps.

    Args (all of them options in params.yaml):
        coefficients, bands, frame, hop, fft: of the MFCCs; the last three in samples.
        deltas: whether their first and second differences are two more channels.
        wavelets: whether energies of wavelet packets, through convolutions of their own, stand
            beside the MFCCs in every step.
        widths: channels of the convolutions; each halves coefficients and frames.
        features: of a step in the attention; a multiple of `heads`. Also of the embedding.
        heads: of the attention.
        dropout: in training, after every convolution, on the attention and before the output.
    """

    def __init__(
        self,
        *,
        coefficients: int = 40,
        bands: int = 80,
        frame: int = 400,
        hop: int = 160,
        fft: int = 512,
        deltas: bool = True,
        wavelets: bool = False,
        widths: Sequence[int] = (32, 64, 128),
        features: int = 128,
        heads: int = 4,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        widths = [
            whole_number("widths", width, 1, 4096) for width in several("widths", widths, 1, 5)
        ]
        whole_number("features", features, 1, 8192)
        whole_number("heads", heads, 1, 1024)
        dropout = number("dropout", dropout, 0.0, 1.0)
        mfcc = build_feature(
            "mfcc",
            {"coefficients": coefficients, "bands": bands, "frame": frame, "hop": hop, "fft": fft,
             "deltas": flag("deltas", deltas)},
        )  # fmt: skip
        views = [_View(mfcc, 3 if deltas else 1, widths, dropout)]
        if flag("wavelets", wavelets):
            packets = build_feature("wavelet-packets", {"hop": hop})
            views.append(_View(packets, 1, widths, dropout))
        self.views = nn.ModuleList(views)
        self.blocks = len(widths)
        self.project = nn.Linear(sum(view.convolutions.features for view in views), features)
        self.attention_norm = nn.LayerNorm(features)
        self.attention = SelfAttention(features, heads, dropout)
        self.last_norm = nn.LayerNorm(features)
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(features, 2)

    @property
    def embedding_dim(self) -> int:
        """Features of a step, averaged over time."""
        return self.out.in_features

    @property
    def last_layer(self) -> nn.Linear:
        """The layer that makes the logits of the embedding."""
        return self.out

    def depth_groups(self) -> Sequence[Sequence[str]]:
        """Each block of convolutions (three by default), the attention, the output."""
        views = range(len(self.views))
        first, *others = (
            tuple(f"views.{view}.convolutions.blocks.{i}" for view in views)
            for i in range(self.blocks)
        )
        return [
            (*(f"views.{view}.norm" for view in views), *first),
            *others,
            ("project", "attention_norm", "attention"),
            ("last_norm", "out"),
        ]

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (batch, embedding_dim) and logits (batch, 2) of waveforms (batch, samples)."""
        stacked = torch.cat([view(waveforms) for view in self.views], dim=2)
        steps = self.project(stacked)  # (batch, steps, features)
        steps = steps + self.drop(self.attention(self.attention_norm(steps)))
        embedding = self.drop(self.last_norm(steps).mean(dim=1))
        return embedding, self.out(embedding)


class _View(nn.Module):
    """What convolutions see in a feature of waveforms (batch, samples): (batch, steps, features).

    Features of one hop have frames at the same moments, so views have steps at the same moments.
    """

    def __init__(
        self, feature: Feature, channels: int, widths: Sequence[int], dropout: float
    ) -> None:
        super().__init__()
        self.feature = feature
        self.channels = channels
        self.norm = nn.BatchNorm1d(feature.bins)
        self.convolutions = ConvStack(channels, feature.bins // channels, widths, dropout)

    def forward(self, waveforms: Tensor) -> Tensor:
        rows = self.norm(self.feature(waveforms))  # (batch, channels · rows, frames)
        steps: Tensor = self.convolutions(rows.unflatten(1, (self.channels, -1)))
        return steps
