"""LFCC-GMM: two Gaussian mixtures over cepstral frames, the classic baseline of ASVspoof.

Source: the baseline B2 of ASVspoof 2021 (LFCC of 30 ms every 15 ms, 70 filters up to 4 kHz, 20
coefficients with Δ and ΔΔ, 512 components of diagonal covariance for each class, scikit-learn's EM
of 10 iterations; a score is the mean log-likelihood ratio of the frames). What differs, and why:

- Frames come of the crops that any training hears (balanced, augmented, cleaned), and of them a
  bounded number, drawn by chance, is fitted: the time of a fit does not grow with the corpus.
- Frames are standardised by one mean and spread for both classes. The ratio stays the same, and
  single precision suffices.
- EM starts from mini-batch k-means, and variances have a floor of 0.001 where 1e-6 is usual: the
  published features are decades of power, ours are standardised.

Parameters: 124,024 with the defaults, 2 × 512 × (2 × 60 + 1) of the mixtures of 60 features and 120
that standardise; none is learnt by gradient.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.detectors.detector import BONAFIDE, SPOOF
from models.detectors.features import build_feature
from models.detectors.fitted import FittedDetector, Fitting, estimated
from models.detectors.layers.mixture import Mixture
from models.detectors.options import number, whole_number
from models.errors import InputError

_FRAMES = 3  # keeps the stream that chooses frames apart from those of batches


class LfccGmm(FittedDetector):
    """How much likelier bona fide speech makes the frames of a clip than spoofed speech does.

    The embedding is the share of the frames that each component answers for, first of the spoof
    mixture, then of the bona fide one.

    Args (all of them options in params.yaml):
        components: Gaussians of each class.
        coefficients, filters, frame, hop, fft, highest_hz: of the LFCC; frame, hop and fft in
            samples.
        frames: of each class that are fitted, at most; 0 for all that a pass over train gives.
        iterations: of EM, at most.
        floor: added to variances of standardised features.
    """

    def __init__(
        self,
        *,
        components: int = 512,
        coefficients: int = 20,
        filters: int = 70,
        frame: int = 480,
        hop: int = 240,
        fft: int = 1024,
        highest_hz: float = 4000.0,
        frames: int = 100_000,
        iterations: int = 10,
        floor: float = 1e-3,
    ) -> None:
        super().__init__()
        count = whole_number("components", components, 1, 65_536)
        self.frames = whole_number("frames", frames, 0, 100_000_000)
        if 0 < self.frames < count:
            raise InputError(
                f"option frames: 0 or at least {count} components expected, found {frames}"
            )
        self.iterations = whole_number("iterations", iterations, 1, 10_000)
        self.floor = number("floor", floor, 1e-6, 1.0)
        self.lfcc = build_feature(
            "lfcc",
            {
                "coefficients": coefficients,
                "filters": filters,
                "frame": frame,
                "hop": hop,
                "fft": fft,
                "window": "hamming",
                "highest_hz": highest_hz,
                "deltas": True,
                "delta_frames": 3,
            },
        )
        self.centre = estimated(torch.zeros(self.lfcc.bins, 1))
        self.spread = estimated(torch.ones(self.lfcc.bins, 1))
        self.spoof, self.bonafide = (Mixture(count, self.lfcc.bins) for _ in range(2))

    @property
    def embedding_dim(self) -> int:
        """Two mixtures, side by side."""
        return 2 * len(self.spoof.means)

    def analyse(self, waveforms: Tensor) -> tuple[Tensor, Tensor]:
        """Embedding (batch, embedding_dim) and logits (batch, 2) of waveforms (batch, samples).

        The bona fide logit less the spoof logit is the mean log-likelihood ratio of the frames.
        """
        frames = (self.lfcc(waveforms) - self.centre) / self.spread  # (batch, bins, frames)
        spoof, spoof_shares = self.spoof(frames)
        bonafide, bonafide_shares = self.bonafide(frames)
        half = (bonafide - spoof).mean(dim=1) / 2
        embedding = torch.cat([spoof_shares.mean(dim=2), bonafide_shares.mean(dim=2)], dim=1)
        return embedding, torch.stack([-half, half], dim=1)

    def fit(self, fitting: Fitting) -> None:
        """Both mixtures of frames of train; dev is not looked at."""
        if not fitting.world.leads:
            return  # EM needs all frames in one place
        of_class = self._frames(fitting)
        both = np.concatenate(of_class)
        centre, spread = both.mean(axis=0), both.std(axis=0)
        spread[spread == 0] = 1.0
        self.centre.copy_(torch.from_numpy(centre)[:, None])
        self.spread.copy_(torch.from_numpy(spread)[:, None])
        seed = fitting.params.training.seed
        for mixture, frames in zip((self.spoof, self.bonafide), of_class, strict=True):
            mixture.fit((frames - centre) / spread, self.iterations, self.floor, seed)

    def _frames(self, fitting: Fitting) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Features (n, bins) of spoofed and of bona fide frames, by chance and evenly of crops."""
        rng = np.random.default_rng([fitting.params.training.seed, _FRAMES])
        people = int(fitting.train.bonafide.sum())
        fewest = max(1, min(people, len(fitting.train) - people))  # crops of a class, about
        share = -(-self.frames // fewest) or None  # None: all
        frames_of: dict[int, list[NDArray[np.float32]]] = {SPOOF: [], BONAFIDE: []}
        for waveforms, labels in fitting.crops():
            with torch.inference_mode():
                features = self.lfcc(waveforms).transpose(1, 2).cpu().numpy()  # (b, frames, bins)
            for label, crop_frames in zip(labels.tolist(), features, strict=True):
                frames_of[label].append(rng.permutation(crop_frames)[:share])
        spoof, bonafide = (self._some(frames_of[label], rng) for label in (SPOOF, BONAFIDE))
        return spoof, bonafide

    def _some(
        self, crops: list[NDArray[np.float32]], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """At most `frames` of all (n, bins)."""
        frames = np.concatenate(crops) if crops else np.empty((0, self.lfcc.bins), np.float32)
        components = len(self.spoof.means)
        if len(frames) < components:
            raise InputError(
                f"{self.name}: train clips of both classes with frames for {components} components "
                f"expected, found {len(frames)} frames of one class"
            )
        limit = self.frames or len(frames)
        return frames[rng.permutation(len(frames))[:limit]]
