"""Spoofs with the words and the voice of a recording: only artefacts distinguish the two."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE
from models.augmentations.processing.lengths import cut_or_pad
from models.augmentations.processing.levels import at_power, power
from models.compute.progress import progress_bar
from models.data.copy_synthesis import VOCODERS, Vocoder, open_vocoders
from models.params.neural_vocoder import NeuralVocoderParams
from models.trials import Label, Trial

NO_NEURAL_VOCODER = NeuralVocoderParams()


def write_copies(
    trials: Sequence[Trial],
    shares: Mapping[str, float],
    read: Callable[[Path], NDArray[np.float32]],
    folder: Path,
    seed: int,
    *,
    neural: NeuralVocoderParams = NO_NEURAL_VOCODER,
    progress: bool = False,
) -> tuple[Trial, ...]:
    """Resynthesise a share of the bona fide trials by each vocoder; the spoofs made of them.

    Audio is written as FLAC into `folder`. A copy has the length and the level of its parent, which
    it names; its attack is `VOCODER_copy`. Which are drawn depends on the seed and the trials.
    Raises InputError where a vocoder is unknown, not installed or cannot be opened.
    """
    vocoders = open_vocoders(shares, neural)
    parents = sorted(
        (trial for trial in trials if trial.label is Label.BONAFIDE), key=lambda t: t.utterance_id
    )
    chosen = [
        (name, parents[index])
        for number, name in enumerate(VOCODERS)
        for index in _draw(len(parents), shares.get(name, 0.0), [seed, number])
    ]
    copies = []
    with progress_bar(len(chosen), "copy-synthesis", progress and bool(chosen)) as bar:
        for number, (name, parent) in enumerate(chosen):
            rng = np.random.default_rng([seed, number])
            path = folder / f"{number}.flac"
            _write(path, _copy(vocoders[name], read(parent.path), rng))
            copies.append(_trial(name, parent, path))
            bar.update()
    return tuple(copies)


def _draw(count: int, share: float, seed: list[int]) -> list[int]:
    order = np.random.default_rng(seed).permutation(count)
    return sorted(int(index) for index in order[: round(share * count)])


def _copy(
    vocoder: Vocoder, waveform: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    copied = cut_or_pad(vocoder(waveform, rng), waveform.size)
    return at_power(copied, power(waveform))


def _write(path: Path, waveform: NDArray[np.float32]) -> None:
    import soundfile

    soundfile.write(path, waveform, SAMPLE_RATE, subtype="PCM_16")


def _trial(name: str, parent: Trial, path: Path) -> Trial:
    return replace(
        parent,
        utterance_id=f"{parent.utterance_id}.{name}",
        path=path,
        attack_id=f"{name}_copy",
        parent=parent.parent or parent.utterance_id,
    )
