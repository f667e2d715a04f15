"""A folder of recordings to draw from: noise, music, impulse responses."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.audio.reading import AudioLimits, read_audio
from models.audio.suffixes import AUDIO_SUFFIXES, is_audio
from models.compute.memory import is_scarce
from models.errors import InputError

if TYPE_CHECKING:
    from models.params.augmentation import AugmentationAudioParams

NOISE = "augmentation_audio.noise"  # keys of params, as errors name them
IMPULSE_RESPONSES = "augmentation_audio.impulse_responses"

CACHE_BYTES = 256 * 2**20  # of a process: 70 minutes; the others are decoded when drawn
LIMITS = AudioLimits(shortest_seconds=0.002, seconds=3600.0)  # an impulse response is short


@dataclass(frozen=True)
class Recordings:
    """Mono recordings at 16 kHz, the first that are drawn kept while memory is not short."""

    files: tuple[Path, ...]
    _cache: dict[Path, NDArray[np.float32]] = field(default_factory=dict, repr=False, compare=False)

    def draw(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """Any of them (samples,), each as likely; InputError where it cannot be read."""
        return self.read(self.files[int(rng.integers(len(self.files)))])

    def read(self, file: Path) -> NDArray[np.float32]:
        """Decode one (samples,), or remember it."""
        if file in self._cache:
            return self._cache[file]
        waveform = read_audio(file, LIMITS)
        if is_scarce():
            self._cache.clear()
        elif sum(cached.nbytes for cached in self._cache.values()) + waveform.nbytes <= CACHE_BYTES:
            self._cache[file] = waveform
        return waveform


def open_recordings(folder: str, key: str) -> Recordings:
    """The audio files in a folder and below it, by name; raises InputError naming the key."""
    return Recordings(_files(folder, key))


def describe_audio(audio: AugmentationAudioParams) -> list[object]:
    """What augmentations are made of, wherever it lies: names and sizes of recordings, codecs."""
    noise = _listing(audio.noise, NOISE)
    return [noise, _listing(audio.impulse_responses, IMPULSE_RESPONSES), dict(audio.codecs)]


def _listing(folder: str | None, key: str) -> list[tuple[str, int]]:
    files = _files(folder, key) if folder is not None else ()
    return [(file.relative_to(str(folder)).as_posix(), file.stat().st_size) for file in files]


def _files(folder: str, key: str) -> tuple[Path, ...]:
    place = Path(folder)
    if not place.is_dir():
        raise InputError(
            f"{key}: a folder of recordings expected, found none at {place.absolute()}"
        )
    files = sorted(file for file in place.rglob("*") if is_audio(file.name))
    if not files:
        raise InputError(
            f"{key}: recordings ({', '.join(sorted(AUDIO_SUFFIXES))}) expected in "
            f"{place.absolute()}, found none"
        )
    return tuple(files)
