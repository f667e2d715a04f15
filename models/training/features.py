"""Features of fronts that do not learn: computed once for what is heard, and kept.

What is kept goes by the samples that the front hears and by the front itself: the same window of
the same clip, or the same crop with the same augmentation, is computed once, whatever experiment
asks for it. The front goes by its class, options and weights, the kind of device, and a figure of
its answer to a probe, so that another version of its code is another front.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.compute.distributed import World
from models.compute.eval_mode import evaluation_mode
from models.compute.progress import progress_bar
from models.detectors.detector import MIN_SAMPLES, Detector
from models.detectors.fitted import Examples, FixedFront
from models.files.row_store import RowStore, prune
from models.training.sampling import Sampler

Listen = Callable[[Tensor], Tensor]

MOST_BYTES = 4 * 2**30  # of all fronts together
_BATCH = 16  # crops at once
_DIGITS = 3  # of the answer to the probe: rounding of other threads does not reach them


@dataclass(frozen=True)
class FeatureCache:
    """Features of all fronts in a folder, which may be deleted at any time."""

    folder: Path
    most_bytes: int = MOST_BYTES

    def of(self, front: FixedFront, device: torch.device) -> Listen:
        """`front.features`, on a CPU or GPU, that looks into the folder first.

        The oldest rows go where there are more than `most_bytes`. Ask again where the weights of
        the front changed.
        """
        prune(self.folder, self.most_bytes)
        front.to(device)
        store = RowStore(self.folder / _front_key(front, device), front.feature_dim)

        def listen(waveforms: Tensor) -> Tensor:
            samples = waveforms.cpu().numpy()
            keys = [hashlib.sha256(row.tobytes()).hexdigest() for row in samples]

            def compute(places: list[int]) -> NDArray[np.float32]:
                features = front.features(waveforms[places].to(device))
                return np.asarray(features.float().cpu().numpy())

            return torch.from_numpy(store.rows(keys, compute)).to(device)

        return listen


def cached_embeddings(
    detector: Detector, device: torch.device, cache: FeatureCache | None
) -> Listen:
    """Embeddings (b, d) of waveforms (b, samples); where the front is fixed, by the cache."""
    if cache is None or not isinstance(detector, FixedFront):
        return detector.embed
    front, features = detector, cache.of(detector, device)
    return lambda waveforms: front.answer(features(waveforms))[0]


def cached_logits(detector: nn.Module, device: torch.device, cache: FeatureCache | None) -> Listen:
    """Logits (b, 2) of waveforms (b, samples); where the front is fixed, by the cache."""
    if cache is None or not isinstance(detector, FixedFront):
        return detector
    front, features = detector, cache.of(detector, device)
    return lambda waveforms: front.answer(features(waveforms))[1]


def examples(
    sampler: Sampler,
    front: FixedFront,
    passes: int,
    device: torch.device,
    world: World,
    *,
    cache: FeatureCache | None = None,
    progress: bool = False,
) -> Examples:
    """See `models.detectors.fitted.Fitting.examples`.

    The crop of a clip and its augmentation depend on (training.seed, pass, utterance ID) alone:
    in another order, or among other clips, a clip gives the same features.
    """
    count = passes * len(sampler.clips)
    own = range(count)[world.own]
    rows = np.empty((len(own), front.feature_dim), np.float32)
    with torch.inference_mode(), evaluation_mode(front):
        features = cache.of(front, device) if cache else front.features
        with progress_bar(len(own), "hear", progress) as bar:
            for start in range(0, len(own), _BATCH):
                crops = [_crop(sampler, at) for at in own[start : start + _BATCH]]
                batches = [np.stack(list(equal)) for _, equal in groupby(crops, key=len)]
                parts = [features(torch.from_numpy(batch).to(device)) for batch in batches]
                rows[start : start + len(crops)] = torch.cat(parts).float().cpu().numpy()
                bar.update(len(crops))
    return Examples(
        features=world.join(torch.from_numpy(rows), count).numpy(),
        bonafide=np.tile(sampler.clips.bonafide, passes),
        weights=np.tile(sampler.weights(), passes),
    )


def _crop(sampler: Sampler, at: int) -> NDArray[np.float32]:
    number, index = divmod(at, len(sampler.clips))
    utterance = hashlib.sha256(sampler.clips.utterance_ids[index].encode()).digest()
    seeds = np.random.SeedSequence(
        [sampler.training.seed, number], spawn_key=(int.from_bytes(utterance[:8], "big"),)
    )
    return sampler.waveform(index, np.random.default_rng(seeds))


def _front_key(front: FixedFront, device: torch.device) -> str:
    """A hexadecimal hash of everything that features depend on but the waveform."""
    about = {
        "class": f"{type(front).__module__}.{type(front).__qualname__}",
        "options": front.front_options(),
        "device": device.type,
        "probe": _answer_to_a_probe(front, device),
    }
    digest = hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode())
    for name, weight in sorted(front.front_weights().items()):
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        raw = weight.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest.update(raw.numpy().tobytes())
    return digest.hexdigest()[:32]


def _answer_to_a_probe(front: FixedFront, device: torch.device) -> list[str]:
    """Two figures of its features of half a second of noise."""
    generator = torch.Generator().manual_seed(0)
    noise = 0.1 * torch.randn(1, MIN_SAMPLES, generator=generator)
    with torch.inference_mode():
        sizes = front.features(noise.to(device))[0].double().abs().cpu()
    ramp = torch.linspace(0.0, 1.0, len(sizes), dtype=torch.float64)
    return [f"{float(figure):.{_DIGITS}g}" for figure in (sizes.mean(), (ramp * sizes).mean())]
