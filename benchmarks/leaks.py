"""The search for near copies in a large corpus: time, memory, and the share that it finds.

    python -m benchmarks.leaks --root CORPUS --clips 600000

Half of the clips are train, half are judged. Most fingerprints are made of those of the corpus:
one recording with its time warped and its bands moved, or two in a row. Among the judged are
copies of real recordings through codecs, quieter and cut; `found` compares the search with one
that lays every copy over its original. `--like-all` compares the shortlist with the likeness of
all whole signatures (16 KiB of memory for each clip of train).
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.audio.fingerprint import (
    BITS,
    FEWEST,
    FRAME,
    HOP,
    Words,
    _levels,
    fingerprint,
    overlay,
    same_recording,
    signature,
)
from models.audio.reading import read_audio
from models.augmentations.codec import CODECS
from models.augmentations.processing.coding import through
from models.data.clips import Clips
from models.data.leakage import STRANGERS, Prints, find_leaks
from models.data.protocols.reading import read_protocol
from models.trials import Trial

Levels = NDArray[np.float32]
LONGEST, SHORTEST = 300, 120  # words of a fingerprint that is made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument(
        "--root", type=Path, required=True, help="a corpus of the antiphon protocol"
    )
    parser.add_argument("--clips", type=int, default=600_000)
    parser.add_argument("--copies", type=int, default=700)
    parser.add_argument("--like-all", action="store_true")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    waveforms = [
        read_audio(trial.path) for trial in read_protocol("antiphon", arguments.root).trials
    ]
    waveforms = [one for one in waveforms if one.size >= FRAME + FEWEST * HOP]
    originals = _timed_fingerprints(waveforms)
    copies = _copies(waveforms, originals, arguments.copies, rng)
    levels = [_levels(np.lib.stride_tricks.sliding_window_view(w, FRAME)[::HOP]) for w in waveforms]
    synthetic = [_made(levels, rng) for _ in range(arguments.clips - len(originals) - len(copies))]
    half = arguments.clips // 2 - len(originals)
    train = _prints("train", [*originals, *synthetic[:half]])
    judged = _prints("judged", [*(words for _, words in copies), *synthetic[half:]])
    _tell(
        f"{len(train.words)} clips of train, {len(judged.words)} judged, {_memory():.2f} GiB held"
    )
    start, busy = time.perf_counter(), _processor_s()
    leaks = find_leaks(train, judged)
    took = f"{time.perf_counter() - start:.0f} s, {_processor_s() - busy:.0f} s of processor time"
    _tell(f"find_leaks: {took}, at most {_memory():.2f} GiB")
    pairs = {(leak.heard, leak.judged) for leak in leaks}
    kept = [(f"train-{at}", f"judged-{n}") for n, (at, _) in enumerate(copies)]
    _tell(f"copies found: {sum(pair in pairs for pair in kept)} of {len(copies)}")
    planted = {judged for _, judged in kept}
    _tell(f"made clips called copies: {sum(name not in planted for _, name in pairs)}")
    if arguments.like_all:
        share = _found_by_whole_signatures(train.words, copies)
        _tell(f"with whole signatures, all compared: {share} of {len(copies)}")


def _timed_fingerprints(waveforms: list[Levels]) -> list[Words]:
    start = time.perf_counter()
    prints = [fingerprint(waveform) for waveform in waveforms]
    seconds = sum(waveform.size for waveform in waveforms) / 16_000
    rate = 1e3 * (time.perf_counter() - start) / seconds
    _tell(f"fingerprint: {rate:.2f} ms for each second of audio, on one core")
    return prints


def _copies(
    waveforms: list[Levels], originals: list[Words], count: int, rng: np.random.Generator
) -> list[tuple[int, Words]]:
    """Places of originals and fingerprints of copies that are the same recording by every bit."""
    copies: list[tuple[int, Words]] = []
    for codec in cycle(CODECS.values()):
        if len(copies) == count:
            return copies
        at = int(rng.integers(len(waveforms)))
        copy = fingerprint(0.4 * through(codec, waveforms[at][rng.integers(3_000) :], rng))
        if same_recording(overlay(originals[at], copy)):
            copies.append((at, copy))
    raise AssertionError("a cycle has no end")


def _made(levels: list[Levels], rng: np.random.Generator) -> Words:
    first, second = (_warped(levels[at], rng) for at in rng.integers(len(levels), size=2))
    whole = first if len(first) >= SHORTEST else np.concatenate([first, second])
    slopes = whole[:LONGEST, :-1] - whole[:LONGEST, 1:]
    rising = (slopes[1:] > slopes[:-1]).astype(np.uint32)
    words: Words = (rising << np.arange(BITS, dtype=np.uint32)).sum(axis=1, dtype=np.uint32)
    return words


def _warped(levels: Levels, rng: np.random.Generator) -> Levels:
    frames, bands = levels.shape
    rates = np.interp(np.linspace(0, 3, 4 * frames), range(4), rng.uniform(0.6, 1.6, size=4))
    times = np.cumsum(rates)
    times = times[times < frames - 1]
    whole, part = times.astype(int), (times % 1)[:, None].astype(np.float32)
    slower = levels[whole] * (1 - part) + levels[whole + 1] * part
    places = np.clip(np.arange(bands) + rng.uniform(-2.5, 2.5), 0, bands - 1.001)
    band, rest = places.astype(int), (places % 1).astype(np.float32)
    moved: Levels = slower[:, band] * (1 - rest) + slower[:, band + 1] * rest
    return moved


def _prints(name: str, words: list[Words]) -> Prints:
    trials = tuple(Trial(f"{name}-{row}", Path(name), None) for row in range(len(words)))
    nothing = np.zeros(len(words), np.int64)
    clips = Clips(trials, np.zeros(0, np.int16), nothing, nothing)
    return Prints(clips, tuple(trial.utterance_id for trial in trials), tuple(words))


def _found_by_whole_signatures(train: tuple[Words, ...], copies: list[tuple[int, Words]]) -> int:
    signatures = np.stack([signature(words) for words in train])
    centre = signatures.mean(axis=0)
    signatures -= centre
    signatures /= np.linalg.norm(signatures, axis=1, keepdims=True)
    likeness = signatures @ np.stack([signature(words) - centre for _, words in copies], axis=1)
    own = likeness[[at for at, _ in copies], range(len(copies))]
    return int(((likeness > own).sum(axis=0) < STRANGERS).sum())


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _processor_s() -> float:
    """Of this process and those that it waited for."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(sum(resource.getrusage(one)[:2]) for one in who)


if __name__ == "__main__":
    main()
