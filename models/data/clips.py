"""Audio packed as one flat array, so that training needs neither audio files nor their decoders.

    FOLDER/
      train.npy   int16 (samples of all clips,), one clip after the other, read through a memory map
      train.csv   one clip a line: the columns of its trial, then offset and length in samples

A trial's `path` is not stored: the same audio packs to the same bytes wherever it came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from models.compute.progress import progress_bar
from models.compute.workers import in_order
from models.data.clip_table import read_clip_table, trial_of, write_clip_table
from models.errors import InputError
from models.files.whole_files import written_beside
from models.trials import Label, Trial, trials_hash

_FULL_SCALE = 32_768.0  # libsndfile's: 16-bit audio read as float32 packs to the same 16 bits


@dataclass(frozen=True)
class Clips:
    """Trials with their audio. `trials[i].path` is the packed file that holds clip i."""

    trials: tuple[Trial, ...]
    samples: NDArray[np.int16]  # (samples of all clips,)
    offsets: NDArray[np.int64]  # (clips,)
    lengths: NDArray[np.int64]  # (clips,)

    @classmethod
    def from_arrays(
        cls, trials: Sequence[Trial], waveforms: Sequence[NDArray[np.float32]]
    ) -> Clips:
        """Clips held in memory, of trials and their float waveforms (samples,) in ±1."""
        if len(trials) != len(waveforms):
            raise InputError(f"{len(trials)} trials came with {len(waveforms)} waveforms")
        pairs = zip(trials, waveforms, strict=True)
        parts = [to_int16(waveform, trial.utterance_id) for trial, waveform in pairs]
        lengths = np.array([part.size for part in parts], dtype=np.int64)
        samples = np.concatenate(parts) if parts else np.empty(0, np.int16)
        return cls(tuple(trials), samples, np.cumsum(lengths) - lengths, lengths)

    def __len__(self) -> int:
        """How many clips."""
        return len(self.trials)

    def waveform(self, index: int) -> NDArray[np.float32]:
        """Float32 (samples,) of clip `index`."""
        return self.part(index, 0, int(self.lengths[index]))

    def part(self, index: int, start: int, length: int) -> NDArray[np.float32]:
        """Float32 of clip `index` from sample `start` on, at most `length` of them."""
        offset = int(self.offsets[index])
        end = offset + min(start + length, int(self.lengths[index]))
        return self.samples[offset + start : end].astype(np.float32) / np.float32(_FULL_SCALE)

    def take(self, indices: Iterable[int]) -> Clips:
        """The clips at `indices`, in that order; the audio is shared, not copied."""
        chosen = np.fromiter(indices, dtype=np.int64)
        trials = tuple(self.trials[i] for i in chosen)
        return Clips(trials, self.samples, self.offsets[chosen], self.lengths[chosen])

    def beginnings(self, samples: int) -> Clips:
        """The same clips, of each no more than its first `samples`; the audio is shared."""
        return Clips(self.trials, self.samples, self.offsets, np.minimum(self.lengths, samples))

    @cached_property
    def utterance_ids(self) -> tuple[str, ...]:
        """One for each clip."""
        return tuple(trial.utterance_id for trial in self.trials)

    @cached_property
    def attack_ids(self) -> tuple[str | None, ...]:
        """One for each clip; None is bona fide."""
        return tuple(trial.attack_id for trial in self.trials)

    @cached_property
    def clusters(self) -> tuple[str, ...]:
        """One for each clip: its speaker, else its source, else itself."""
        return tuple(trial.cluster for trial in self.trials)

    @cached_property
    def bonafide(self) -> NDArray[np.bool_]:
        """True (clips,) where a human spoke."""
        return np.array([trial.label is Label.BONAFIDE for trial in self.trials], dtype=np.bool_)

    @property
    def trials_hash(self) -> str:
        """SHA-256 of the trial list, whatever its order."""
        return trials_hash(zip(self.utterance_ids, self.attack_ids, strict=True))


def to_int16(waveform: NDArray[np.floating], name: str) -> NDArray[np.int16]:
    """16-bit samples of a waveform (samples,): clipped at ±1, rounded to the nearest.

    Raises InputError naming the clip where it is empty, not mono or not finite.
    """
    if waveform.ndim != 1 or waveform.size == 0:
        raise InputError(f"{name}: a non-empty mono waveform expected, found {waveform.shape}")
    if not np.isfinite(waveform).all():
        raise InputError(f"{name}: finite samples expected, found nan or infinity")
    scaled = np.rint(np.clip(waveform, -1.0, 1.0) * _FULL_SCALE)
    highest = _FULL_SCALE - 1  # +1.0 has no int16 of its own
    samples: NDArray[np.int16] = np.minimum(scaled, highest).astype(np.int16)
    return samples


def pack(
    trials: Sequence[Trial],
    read: Callable[[Path], NDArray[np.float32]],
    folder: Path,
    name: str,
    *,
    processes: int = 0,
    progress: bool = False,
) -> None:
    """Write FOLDER/NAME.npy and FOLDER/NAME.csv, one clip in the memory of each process.

    `read` gives float32 mono 16 kHz (samples,) of a trial's path; what it raises passes through.
    It is called here, or in `processes` that import it; the bytes are the same. Both files appear
    whole or not at all: without its csv an npy is not a pack.
    """
    with (
        progress_bar(len(trials), f"pack {name}", progress) as bar,
        closing(in_order(partial(_clip, read), trials, processes)) as clips,
    ):
        _write(trials, clips, folder, name, bar.update)


def pack_clips(clips: Clips, folder: Path, name: str) -> None:
    """Write clips as `pack` does, in the place of those they may come from."""
    pairs = zip(clips.offsets.tolist(), clips.lengths.tolist(), strict=True)
    parts = (clips.samples[start : start + length] for start, length in pairs)
    _write(clips.trials, parts, folder, name, lambda: None)


def _write(
    trials: Sequence[Trial],
    clips: Iterable[NDArray[np.int16]],
    folder: Path,
    name: str,
    advance: Callable[[], object],
) -> None:
    """Stream the audio, then write the table; the audio is put in its place first."""
    folder.mkdir(parents=True, exist_ok=True)
    audio, table = folder / f"{name}.npy", folder / f"{name}.csv"
    with written_beside(table) as new_table, written_beside(audio) as new_audio:
        with new_audio.open("wb") as stream:
            lengths = _stream(stream, clips, advance)
        write_clip_table(new_table, trials, lengths)
        table.unlink(missing_ok=True)  # an old table must not describe new audio


def is_packed(folder: Path, name: str) -> bool:
    """Whether `pack` wrote clips of that name."""
    return (folder / f"{name}.csv").is_file()


def open_clips(folder: Path, name: str) -> Clips:
    """Open what `pack` wrote; raises InputError naming the file that is missing or disagrees."""
    audio, table = folder / f"{name}.npy", folder / f"{name}.csv"
    try:
        rows = list(read_clip_table(table))
        samples = np.load(audio, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"{error.filename}: not found, packed clips expected there") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / name}: not packed clips ({error})") from error
    trials = tuple(trial_of(row, audio) for row in rows)
    offsets = np.array([int(row["offset"]) for row in rows], dtype=np.int64)
    lengths = np.array([int(row["length"]) for row in rows], dtype=np.int64)
    if samples.dtype != np.int16 or samples.shape != (int(lengths.sum()),):
        raise InputError(
            f"{audio}: int16 of {int(lengths.sum())} samples expected by {table.name}, "
            f"found {samples.dtype} of shape {samples.shape}"
        )
    return Clips(trials, samples, offsets, lengths)


def _clip(read: Callable[[Path], NDArray[np.float32]], trial: Trial) -> NDArray[np.int16]:
    return to_int16(read(trial.path), trial.utterance_id)


def _stream(
    stream: BinaryIO, clips: Iterable[NDArray[np.int16]], advance: Callable[[], object]
) -> list[int]:
    """Write the array of all clips and return the length of each."""
    lengths: list[int] = []
    _write_header(stream, 0)
    start = stream.tell()
    for samples in clips:
        stream.write(samples.astype("<i2").tobytes())
        lengths.append(samples.size)
        advance()
    stream.seek(0)
    _write_header(stream, sum(lengths))
    if stream.tell() != start:
        raise RuntimeError("the npy header changed its size")
    return lengths


def _write_header(stream: BinaryIO, samples: int) -> None:
    """The header of a flat array; numpy leaves room in it for the first axis to grow."""
    header = {"shape": (samples,), "fortran_order": False, "descr": "<i2"}
    np.lib.format.write_array_header_1_0(stream, header)
