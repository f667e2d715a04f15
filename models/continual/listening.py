"""Old clips through a detector one at a time, for what its weights mean to each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from models.clips import Clips
from models.modes import evaluation_mode


def each_clip(
    detector: nn.Module, clips: Clips, samples: int, device: torch.device
) -> Iterator[Tensor]:
    """The first `samples` of each clip as a batch of one (1, samples), shorter clips tiled.

    Meanwhile the detector is on `device` and in evaluation mode.
    """
    detector.to(device)
    with evaluation_mode(detector):
        for index in range(len(clips)):
            heard = clips.part(index, 0, samples)
            whole = np.tile(heard, -(-samples // heard.size))[:samples]
            yield torch.from_numpy(whole)[None].to(device)
