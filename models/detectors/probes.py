"""Linear probes of fronts that heard much speech, and of the spectrum: fitted in seconds.

A probe is a logistic regression on one view of a clip: on the mean and the standard deviation over
time of one layer of Whisper's encoder or one block of CAM++, or on statistics of the log spectrum
at a resolution that neither has. The cm_score is the mean of the probes', brought to one spread.
Lower layers tell synthetic speech best (arXiv 2306.01428, 2502.03559), and a linear probe of frozen
features is a strong detector (arXiv 2309.05384). Probes of different views err on different
attacks, so that their mean is better on attacks that none has learnt than one regression on all.

Parameters: 10,909,230 with the defaults, 27,150 of them behind the fronts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from models.detectors.campplus.fbank import KaldiFbank
from models.detectors.campplus.network import BLOCKS, HEAD, Campplus
from models.detectors.campplus.weights import fill_campplus, is_campplus
from models.detectors.layers.moments import mean_and_deviation
from models.detectors.layers.spectral_statistics import SpectralStatistics
from models.detectors.logistic import LogisticDetector
from models.detectors.maps import MapLayer
from models.detectors.options import flag, rising_numbers, several
from models.detectors.whisper.front import STEP, WhisperFront, WhisperOptions
from models.detectors.whisper.weights import take_pretrained
from models.errors import InputError

_SPECTROGRAM = {"frame": 512, "hop": 160, "fft": 512, "window": "hann", "floor": 1e-7}


class Probes(LogisticDetector):
    """One probe for each layer, each block and the spectrum; one linear layer in the end.

    Args (all of them options in params.yaml):
        size, sizes, layers: of Whisper, see `WhisperOptions`; no layers: without Whisper.
        blocks: of CAM++, in rising order; 0 is its head, 3 the last; none: without CAM++.
        spectrum: whether statistics of the log spectrum (512 points, every 10 ms) are a probe.
        passes, inverse_penalty: see `LogisticDetector`.
    """

    def __init__(
        self,
        *,
        size: str = "base",
        sizes: Mapping[str, int] | None = None,
        layers: Sequence[int] = (1, 2),
        blocks: Sequence[int] = (0, 1, 2),
        spectrum: bool = True,
        passes: int = 1,
        inverse_penalty: float | None = None,
    ) -> None:
        super().__init__()
        self.whisper: WhisperFront | None = None
        self.speaker: Campplus | None = None
        self.statistics: SpectralStatistics | None = None
        if several("layers", layers, 0, 64):
            self.whisper = WhisperFront(WhisperOptions(size, sizes, layers, front_tuned="none"))
        self.blocks = rising_numbers("blocks", blocks, 0, 0, BLOCKS[-1])
        if self.blocks:
            self.banks = KaldiFbank()
            self.speaker = Campplus(max(self.blocks) or HEAD).requires_grad_(False)
            self.speaker.eval()
        if flag("spectrum", spectrum):
            self.statistics = SpectralStatistics(dict(_SPECTROGRAM), slopes=True)
        if not (self.whisper or self.blocks or self.statistics):
            raise InputError("option layers: a layer, a block or the spectrum expected, found none")
        self.map = nn.Identity()  # what it hears is drawn by Grad-CAM
        self.build_answer(passes, inverse_penalty)

    @property
    def _channels(self) -> list[int]:
        """Of each layer and each block."""
        channels: list[int] = []
        if self.whisper is not None:
            options = self.whisper.options
            channels += [options.architecture.width] * len(options.layers)
        if self.speaker is not None:
            channels += [self.speaker.part_channels[block] for block in self.blocks]
        return channels

    @property
    def probes(self) -> Sequence[int]:
        """Two statistics of each channel of a layer or block; those of the spectrum."""
        spectrum = [] if self.statistics is None else [self.statistics.dimensions]
        return [*(2 * channels for channels in self._channels), *spectrum]

    @property
    def feature_dim(self) -> int:
        """Of all probes, one after the other."""
        return sum(self.probes)

    @property
    def published_fronts(self) -> Sequence[str]:
        """Whisper and CAM++, as far as the options have them."""
        fronts = {"Whisper": self.whisper, "CAM++": self.speaker}
        return [name for name, front in fronts.items() if front is not None]

    def take_pretrained(self, source: str) -> None:
        """Give the front that they are for published weights of Whisper or of CAM++.

        Raises InputError where they are of another network, or the options have no such front.
        """
        speaker = is_campplus(Path(source))
        front, name = (self.speaker, "CAM++") if speaker else (self.whisper, "Whisper")
        if front is None:
            option = "blocks" if speaker else "layers"
            raise InputError(f"{source}: weights of {name}, but option {option} has none of it")
        if isinstance(front, Campplus):
            fill_campplus(front, source)
        else:
            take_pretrained(front, source)

    def train(self, mode: bool = True) -> Probes:
        """The fronts stay as they are when scoring: batch norms keep their statistics."""
        super().train(mode)
        if self.speaker is not None:
            self.speaker.eval()
        return self

    def depth_groups(self) -> Sequence[Sequence[str]]:
        """The fronts, and the regressions."""
        fronts = [name for name in ("whisper", "speaker") if getattr(self, name) is not None]
        return [*([fronts] if fronts else []), ("centre", "spread", "out_layer")]

    def map_layer(self) -> MapLayer | None:
        """All layers and blocks at each step of 20 ms, as one row that is no frequency."""
        return MapLayer("map", STEP, 0.0) if self._channels else None

    def features(self, waveforms: Tensor) -> Tensor:
        """Of each layer and block means, then standard deviations; the spectrum's statistics."""
        parts: list[Tensor] = []
        if self._channels:
            joined = self.map(self._steps(waveforms)[:, :, None]).squeeze(2)
            for channels in torch.split(joined, self._channels, dim=1):
                parts += mean_and_deviation(channels)
        if self.statistics is not None:
            parts.append(self.statistics(waveforms))
        return torch.cat(parts, dim=1)

    def _steps(self, waveforms: Tensor) -> Tensor:
        """Layers and blocks (batch, channels, steps), as many as the shorter front has.

        Both step by 20 ms from the start; CAM++ has up to one less, as its frames lie within the
        clip.
        """
        maps: list[Tensor] = []
        if self.speaker is not None:
            outputs = self.speaker.parts(self.banks(waveforms))
            maps = [outputs[block] for block in self.blocks]
        if self.whisper is not None:
            layers = [layer.transpose(1, 2) for layer in self.whisper(waveforms)]
            maps = [layer[:, :, : maps[0].shape[2]] if maps else layer for layer in layers] + maps
        return torch.cat(maps, dim=1)
