"""Convolutions over a spectral feature, alone, under an LSTM, or as an ensemble of both.

No paper: the parts are those of the design notes of this project. From the notes: a CNN on a
spectrogram, MFCCs or chroma, batch norm, dropout, softmax (the loss `cross-entropy` has it), an
LSTM over the CNN, and the ensemble of CNN and CNN-LSTM. Our choice: every size, the mean over time
of either, and that the ensemble's members learn together and average their logits: so its cm_score
is the mean of theirs whatever the loss.

Parameters: 188,468 with the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.detectors.detector import Detector
from models.detectors.features import build_feature
from models.detectors.layers.convolutions import ConvStack
from models.detectors.layers.lstm import Lstm
from models.detectors.options import choice, number, several, whole_number

FEATURES = ("spectrogram", "mfcc", "chroma")
FORMS = {"cnn": (False,), "cnn-lstm": (True,), "ensemble": (False, True)}  # -> LSTM in each member


class CnnLstm(Detector):
    """What convolutions see in a feature, summed up over time by an LSTM, by a mean, or by both.

    Args (all of them options in params.yaml):
        feature: spectrogram | mfcc | chroma.
        feature_options: of that feature in `models/detectors/features/`; none by default.
        form: cnn | cnn-lstm | ensemble.
        widths: channels of the convolutions; each halves rows and frames.
        units: of the dense layer above the convolutions, and of the LSTM above that.
        dropout: in training, after every convolution and before the output.
    """

    def __init__(
        self,
        *,
        feature: str = "spectrogram",
        feature_options: Mapping[str, Any] | None = None,
        form: str = "cnn-lstm",
        widths: Sequence[int] = (16, 32, 64),
        units: int = 64,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        widths = [
            whole_number("widths", width, 1, 4096) for width in several("widths", widths, 1, 5)
        ]
        self.blocks, self.units = len(widths), whole_number("units", units, 1, 4096)
        dropout = number("dropout", dropout, 0.0, 1.0)
        self.feature = build_feature(choice("feature", feature, FEATURES), feature_options)
        self.norm = nn.BatchNorm1d(self.feature.bins)
        self.members = nn.ModuleList(
            _Network(self.feature.bins, widths, units, dropout, recurrent=recurrent)
            for recurrent in FORMS[choice("form", form, FORMS)]
        )

    @property
    def embedding_dim(self) -> int:
        """The units of all members, side by side."""
        return self.units * len(self.members)

    def depth_groups(self) -> Sequence[Sequence[str]]:
        """Each block of convolutions (three by default), the dense layer, the LSTM, the output."""
        members = range(len(self.members))
        first, *others = (
            tuple(f"members.{member}.convolutions.blocks.{i}" for member in members)
            for i in range(self.blocks)
        )
        return [
            ("norm", *first),
            *others,
            tuple(f"members.{member}.dense" for member in members),
            tuple(f"members.{member}.over_time" for member in members),
            tuple(f"members.{member}.out" for member in members),
        ]

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (batch, embedding_dim) and logits (batch, 2) of waveforms (batch, samples)."""
        rows = self.norm(self.feature(waveforms))[:, None]  # (batch, 1, rows, frames)
        embeddings, logits = zip(*(member(rows) for member in self.members), strict=True)
        return torch.cat(embeddings, dim=1), torch.stack(logits).mean(dim=0)


class _Network(nn.Module):
    """Rows (batch, 1, rows, frames) -> embedding (batch, units) and logits (batch, 2)."""

    def __init__(
        self, rows: int, widths: Sequence[int], units: int, dropout: float, *, recurrent: bool
    ) -> None:
        super().__init__()
        self.convolutions = ConvStack(1, rows, widths, dropout)
        # an LSTM is initialised for its units: thousands of features would saturate its gates
        self.dense = nn.Linear(self.convolutions.features, units)
        self.over_time = Lstm(units, units) if recurrent else nn.Identity()
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(units, 2)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        steps = functional.gelu(self.dense(self.convolutions(rows)))  # (batch, steps, units)
        embedding = self.drop(self.over_time(steps).mean(dim=1))
        return embedding, self.out(embedding)
