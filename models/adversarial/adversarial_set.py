"""Eval clips attacked through a detector, as audio that any detector can be judged on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from models.adversarial import BLIND
from models.adversarial.robustness import Attack
from models.compute.eval_mode import evaluation_mode
from models.compute.memory import retained_memory
from models.compute.memory_format import channels_innermost
from models.data.clips import Clips
from models.detectors.detector import Detector, is_differentiable
from models.params.evaluation_sets import AdversarialSetParams
from models.params.window import WindowParams
from models.training.scoring import window_batches

_BATCH = 8  # windows; a CPU gains nothing beyond


def can_attack(detector: Detector, params: AdversarialSetParams) -> bool:
    """Whether the detector has the gradient that the attack needs, if it needs one."""
    return is_differentiable(detector) or params.attack in BLIND


def attacked_clips(
    detector: Detector,
    clips: Clips,
    window: WindowParams,
    params: AdversarialSetParams,
    seed: int,
    device: str | torch.device = "cpu",
) -> Clips:
    """The first window of each clip, perturbed so that the detector errs more; 16-bit audio.

    Shorter clips come as the detector hears them, tiled unless `window.short` is `own`. It is asked
    without its spectral subtraction, which no gradient passes; it is moved to `device` and left as
    it was.
    """
    attack = Attack(params.attack, params.snr_db, params.steps)
    generator = torch.Generator().manual_seed(seed)
    plain = replace(window, spectral_subtraction=0.0)
    waveforms: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = []
    with (
        evaluation_mode(detector.to(device)),
        retained_memory(torch.device(device).type),
        channels_innermost([detector]),
    ):
        for windows, owners in window_batches(clips.beginnings(window.samples), plain, _BATCH):
            labels = torch.from_numpy(clips.bonafide[owners].astype(np.int64)).to(device)
            inputs = torch.from_numpy(windows).to(device)
            waveforms.extend(attack.perturb(detector, inputs, labels, generator).cpu().numpy())
    return Clips.from_arrays(clips.trials, waveforms)
