"""Each train clip once a pass, through a front that does not learn: what a regression fits on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from models.compute.distributed import World
from models.compute.progress import progress_bar
from models.detectors.fitted import Examples
from models.training.sampling import Sampler

_BATCH = 16  # crops at once


def examples(
    sampler: Sampler,
    features: Callable[[Tensor], Tensor],
    dimensions: int,
    passes: int,
    device: torch.device,
    world: World,
    progress: bool = False,
) -> Examples:
    """See `models.detectors.fitted.Fitting.examples`.

    The crop of a clip and its augmentation depend on (training.seed, pass, utterance ID) alone:
    in another order, or among other clips, a clip gives the same features.
    """
    count = passes * len(sampler.clips)
    own = range(count)[world.own]
    rows = np.empty((len(own), dimensions), np.float32)
    with progress_bar(len(own), "hear", progress) as bar:
        for start in range(0, len(own), _BATCH):
            crops = [_crop(sampler, at) for at in own[start : start + _BATCH]]
            batches = [np.stack(list(equal)) for _, equal in groupby(crops, key=len)]
            with torch.inference_mode():
                parts = [features(torch.from_numpy(batch).to(device)) for batch in batches]
            rows[start : start + len(crops)] = torch.cat(parts).float().cpu().numpy()
            bar.update(len(crops))
    return Examples(
        features=world.join(torch.from_numpy(rows), count).numpy(),
        bonafide=np.tile(sampler.clips.bonafide, passes),
        weights=np.tile(sampler.weights(), passes),
    )


def _crop(sampler: Sampler, at: int) -> np.ndarray:
    number, index = divmod(at, len(sampler.clips))
    utterance = hashlib.sha256(sampler.clips.utterance_ids[index].encode()).digest()
    seeds = np.random.SeedSequence(
        [sampler.training.seed, number], spawn_key=(int.from_bytes(utterance[:8], "big"),)
    )
    return sampler.waveform(index, np.random.default_rng(seeds))
