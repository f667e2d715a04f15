"""Clips through the codecs and effects of channels, to judge on speech that sounds otherwise."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from models.augmentations import AUGMENTATIONS, Augmentation
from models.augmentations.codec import CODECS
from models.augmentations.processing.coding import through
from models.data.clips import Clips
from models.params.evaluation_sets import BonafideHardParams
from models.trials import Trial


def missing_effects(params: BonafideHardParams) -> dict[str, str]:
    """The effects that are asked for and cannot be had on this machine, and why."""
    codecs = {name: CODECS[name] for name in params.chosen if name in CODECS}
    reasons = {name: codec.missing() for name, codec in codecs.items()}
    return {name: reason for name, reason in reasons.items() if reason}


def through_channels(
    clips: Clips, rows: Iterable[int], params: BonafideHardParams, seed: int
) -> Clips:
    """`params.trials` of the clips at `rows` through each effect; ids begin with its name.

    Which clips, and what becomes of each, depends on the seed and the utterance_id alone.
    """
    order = sorted(rows, key=lambda row: _draw(seed, clips.trials[row].utterance_id))
    chosen = sorted(order[: params.trials])
    absent = missing_effects(params)
    trials, waveforms = [], []
    for name in params.chosen:
        if name in absent:
            continue
        effect = _effect(name)
        for row in chosen:
            trial = clips.trials[row]
            random = np.random.default_rng(_draw(seed, f"{name}:{trial.utterance_id}"))
            waveforms.append(effect(clips.waveform(row), random))
            trials.append(_passed(trial, name))
    return Clips.from_arrays(trials, waveforms)


def _passed(trial: Trial, effect: str) -> Trial:
    """A trial that keeps its cluster: variants of one recording are not independent."""
    return replace(
        trial,
        utterance_id=f"{effect}:{trial.utterance_id}",
        speaker_id=trial.cluster,
        codec=effect,
    )


def _effect(name: str) -> Augmentation:
    if name in CODECS:
        return lambda waveform, random: through(CODECS[name], waveform, random)
    return AUGMENTATIONS[name]


def _draw(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}\n{name}".encode()).digest()[:8], "big")
