"""Which clips a training step sees, which part of them, and through which channel.

Every batch is a pure function of (seed, step): a training that was killed goes on with exactly the
batches it would have seen, and nothing about the order of data has to be stored. Each of its clips
is cut and augmented under (seed, step, row), so that one process can make some rows alone; the two
clips of a pair share the row of the human one.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.audio.windows import as_heard, shortest_window
from models.augmentations import build_augmentations
from models.data.clips import Clips
from models.errors import InputError
from models.params.augmentation import AugmentationAudioParams
from models.params.training import TrainingParams
from models.params.window import WindowParams
from models.training.growth import Epochs, grown, in_order_of_growth
from models.training.pairing import CopyPairs, Indices, evenly

_ORDER = 1  # keeps the stream of orders apart from the stream of batches


class Sampler:
    """Batches of training clips.

    Raises InputError where a class or an augmentation is missing, and where `training.pairs` asks
    for pairs that are not among the clips.

    Args:
        augmentation: the probability of each effect.
        window: whose noise reduction the crops go through.
        rows: of each batch, those that are made here; all unless given.
    """

    def __init__(
        self,
        clips: Clips,
        training: TrainingParams,
        augmentation: Mapping[str, float],
        augmentation_audio: AugmentationAudioParams | None = None,
        window: WindowParams | None = None,
        rows: list[int] | None = None,
    ) -> None:
        self.clips, self.training, self.augmentation = clips, training, augmentation
        self.rows = list(range(training.batch_size)) if rows is None else rows
        self.window = window or WindowParams()
        self.epochs = Epochs.plan(len(clips), training)
        self._effects = build_augmentations(
            augmentation, augmentation_audio or AugmentationAudioParams()
        )
        self._labels = clips.bonafide.astype(np.int64)
        bonafide, attacks = _groups(clips, training)
        groups = in_order_of_growth([*bonafide, *attacks], training)
        self._bonafide, self._attacks = groups[: len(bonafide)], groups[len(bonafide) :]
        self._pairs = CopyPairs.of(clips, self._bonafide, training)

    def batch(
        self, step: int, place: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Waveforms (rows, samples) and labels (batch,), 1 for bona fide, of one step.

        Waveforms are written into the first samples of `place` (rows, crop_samples) where one is
        given.
        """
        rng = np.random.default_rng([self.training.seed, step])
        share = self.epochs.shares[self.epochs.of(step)]
        indices = self.balanced(rng, share) if self.training.balanced else self.in_order(step)
        samples = self._samples(indices, rng)
        waveforms = np.empty(self.shape, np.float32) if place is None else place
        if samples < self.training.crop_samples:
            waveforms = waveforms[:, :samples]
        labels = self._labels[indices]
        others = self._pairs.others(labels)
        for waveform, row in zip(waveforms, self.rows, strict=True):
            own, other = int(indices[row]), others.get(row)
            if other is None:
                waveform[:] = self._augmented(own, samples, self._generator(step, row))
            else:
                rng = self._generator(step, min(row, other))
                waveform[:] = self._half(own, int(indices[other]), samples, rng)
        return waveforms, labels

    @property
    def shape(self) -> tuple[int, int]:
        """Of the longest waveforms that are made here: (rows, crop_samples)."""
        return len(self.rows), self.training.crop_samples

    def _generator(self, step: int, row: int) -> np.random.Generator:
        seeds = np.random.SeedSequence([self.training.seed, step], spawn_key=(row,))
        return np.random.default_rng(seeds)

    def without_trials(self) -> Sampler:
        """The same batches, from clips without their trials: less to send to another process."""
        light = copy.copy(self)
        light.clips = Clips((), self.clips.samples, self.clips.offsets, self.clips.lengths)
        return light

    def balanced(self, rng: np.random.Generator, share: float = 1.0) -> Indices:
        """Indices (batch,): half of each class, attacks evenly, and clips evenly within them.

        Bona fide clips come evenly from what `training.bonafide_evenly` names. Of each attack and
        of bona fide clips, only a share takes part. Pairs come first: their human clips at the
        beginning of one class, their copies in the same order at the beginning of the other.
        """
        size = self.training.batch_size
        spoofs = size // 2 + int(rng.integers(2)) * (size % 2)
        humans, copies = self._pairs.draw(share, rng)
        alone = size - spoofs - humans.size
        if len(self._bonafide) == 1:
            bonafide = rng.choice(grown(self._bonafide[0], share), alone)
        else:
            bonafide = evenly(self._bonafide, alone, share, rng)
        others = evenly(self._attacks, spoofs - copies.size, share, rng)
        return np.concatenate([humans, bonafide, copies, others])

    def in_order(self, step: int) -> Indices:
        """Indices (batch,): each clip once in every pass, each pass in an order of its own."""
        epoch, seed = self.epochs.of(step), self.training.seed
        share, size = self.epochs.shares[epoch], self.training.batch_size
        if share == 1.0:
            return _passes(seed, step * size, size, self._labels.size)
        groups = [grown(group, share) for group in (*self._bonafide, *self._attacks)]
        chosen = np.concatenate(groups)
        first = step - self.epochs.first_step(epoch)
        return chosen[_passes(seed + epoch, first * size, size, chosen.size)]

    def weights(self) -> NDArray[np.float64]:
        """How often balanced batches draw each clip (clips,), as a multiple of the mean.

        Without `training.balanced` clips are drawn evenly within each class, and both classes
        alike all the same.
        """
        sides: list[Sequence[Indices]] = [self._bonafide, self._attacks]
        if not self.training.balanced:
            sides = [[np.concatenate(groups)] for groups in sides]
        weights = np.zeros(len(self.clips))
        for groups in sides:
            for group in groups:
                weights[group] = len(self.clips) / (len(sides) * len(groups) * group.size)
        return weights

    def waveform(self, index: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """A crop (samples,) of one clip, as long as it would be scored, augmented and cleaned."""
        return self._augmented(index, self._length(int(self.clips.lengths[index])), rng)

    def _samples(self, indices: Indices, rng: np.random.Generator) -> int:
        """How long the crops of a batch are; all of them have one length.

        Where short clips are scored at their own length, it is that of the shorter of two clips of
        the batch, drawn by chance: as varied as the clips, with two of three crops untiled.
        """
        if self.window.short == "tile":
            return self.training.crop_samples
        drawn = indices[rng.integers(indices.size, size=2)]
        return self._length(int(self.clips.lengths[drawn].min()))

    def _length(self, samples: int) -> int:
        """Of the crop of a clip of so many samples."""
        if self.window.short == "tile":
            return self.training.crop_samples
        return min(max(samples, shortest_window(self.window)), self.training.crop_samples)

    def _augmented(self, index: int, samples: int, rng: np.random.Generator) -> NDArray[np.float32]:
        waveform = crop(self.clips, index, samples, rng)
        for name, effect in self._effects.items():
            if rng.random() < self.augmentation[name]:
                waveform = effect(waveform, rng)
        return as_heard(waveform, self.window)

    def _half(
        self, index: int, other: int, samples: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """One clip of a pair, with what the other one gets from a generator of the same seed.

        Every effect has a generator of its own, so that what one draws for a clip does not move the
        draws of the next.
        """
        length = int(min(self.clips.lengths[index], self.clips.lengths[other]))
        waveform = crop(self.clips, index, samples, rng, length)
        for name, effect in self._effects.items():
            own = rng.spawn(1)[0]
            if own.random() < self.augmentation[name]:
                waveform = effect(waveform, own)
        return as_heard(waveform, self.window)


def crop(
    clips: Clips, index: int, samples: int, rng: np.random.Generator, length: int | None = None
) -> NDArray[np.float32]:
    """A part (samples,) of a clip from a place drawn evenly; a shorter clip is tiled.

    With a `length`, it is a part of the clip's first so many samples.
    """
    length = int(clips.lengths[index]) if length is None else length
    if length > samples:
        return clips.part(index, int(rng.integers(length - samples + 1)), samples)
    return np.tile(clips.part(index, 0, length), -(-samples // length))[:samples]


def _groups(clips: Clips, training: TrainingParams) -> tuple[list[Indices], list[Indices]]:
    """Bona fide clips in the groups that are drawn evenly, and the clips of each attack."""
    ids = np.array([attack or "" for attack in clips.attack_ids], dtype=np.str_)
    attacks = [np.flatnonzero(ids == attack) for attack in np.unique(ids[ids != ""])]
    bonafide = np.flatnonzero(ids == "")
    if not attacks or not bonafide.size:
        raise InputError(
            f"train: bonafide and spoof clips expected, found {bonafide.size} bonafide "
            f"and {len(clips) - bonafide.size} spoof"
        )
    return _by_origin(clips, bonafide, training.bonafide_evenly), attacks


def _by_origin(
    clips: Clips, indices: Indices, evenly: Literal["clips", "speakers", "sources"]
) -> list[Indices]:
    """The clips of each speaker or source; clips without one are a group together."""
    if evenly == "clips":
        return [indices]
    column = "speaker_id" if evenly == "speakers" else "source"
    names = [getattr(clips.trials[index], column) or "" for index in indices]
    origins = np.unique(np.array(names, dtype=np.str_), return_inverse=True)[1]
    return [indices[origins == origin] for origin in range(origins.max() + 1)]


def _passes(seed: int, first: int, size: int, count: int) -> Indices:
    """Places (size,) from `first` on in an endless row of passes over `count` clips."""
    positions = range(first, first + size)
    order = [_order(seed, at // count, count)[at % count] for at in positions]
    return np.array(order, dtype=np.int64)


@lru_cache(maxsize=2)  # a batch may end one pass and begin the next
def _order(seed: int, number: int, count: int) -> Indices:
    return np.random.default_rng([seed, number, _ORDER]).permutation(count)
