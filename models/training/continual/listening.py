"""Old clips through a detector one at a time, for what its weights mean to each."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from models.audio.windows import cut_windows
from models.compute.eval_mode import evaluation_mode
from models.data.clips import Clips
from models.params.window import WindowParams


def each_clip(
    detector: nn.Module, clips: Clips, window: WindowParams, device: torch.device
) -> Iterator[Tensor]:
    """The first window of each clip as a batch of one (1, samples).

    Meanwhile the detector is on `device` and in evaluation mode.
    """
    detector.to(device)
    with evaluation_mode(detector):
        for index in range(len(clips)):
            first = cut_windows(clips.part(index, 0, window.samples), window)
            yield torch.from_numpy(first).to(device)
