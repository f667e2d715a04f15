"""Leaks from train into judged trials: duplicates, and speakers and sources in both.

`exact` is the same 16-bit audio, `near` the same recording after a codec, another gain or a cut
(`models/audio/fingerprint.py`; also a copy-synthesis of it), `speaker` and `source` a name on both
sides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, tee
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.audio.fingerprint import FEWEST, Words, fingerprint, overlay, same_recording
from models.compute.cores import decoding_processes
from models.compute.workers import in_order
from models.data.clips import Clips
from models.data.signature_index import SignatureIndex
from models.errors import InputError
from models.params.leakage import LeakageParams

Kind = Literal["exact", "near", "speaker", "source"]
STRANGERS = 10  # most like signatures that may prove to be of other recordings
_AT_ONCE = 256  # clips whose fingerprints one process computes in turn


@dataclass(frozen=True)
class Leak:
    """A train clip (`heard`) and what it gives away of a judged one."""

    kind: Kind
    heard: str  # utterance_id
    judged: str  # utterance_id
    what: str  # the name shared, or how much differs

    @property
    def reversed(self) -> Leak:
        """The same seen from the judged side."""
        return Leak(self.kind, self.judged, self.heard, self.what)


@dataclass(frozen=True)
class Prints:
    """Hashes and fingerprints of the clips of one side."""

    clips: Clips
    hashes: tuple[str, ...]
    words: tuple[Words, ...]

    @classmethod
    def of(cls, clips: Clips) -> Prints:
        """Reads every clip once; takes about 1 ms for each second of audio."""
        parts = [range(at, min(at + _AT_ONCE, len(clips))) for at in range(0, len(clips), _AT_ONCE)]
        processes = decoding_processes(len(clips))
        with closing(in_order(partial(_prints, clips), parts, processes)) as prints:
            hashes, words = zip(*chain.from_iterable(prints), strict=True)
        return cls(clips, hashes, words)

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> Prints:
        """Those of the clips at `rows`."""
        hashes = tuple(self.hashes[row] for row in rows)
        return Prints(self.clips.take(rows), hashes, tuple(self.words[row] for row in rows))


def _prints(clips: Clips, rows: range) -> list[tuple[str, Words]]:
    return [(audio_hash(clips, row), fingerprint(clips.waveform(row))) for row in rows]


def find_leaks(train: Prints, judged: Prints) -> list[Leak]:
    """Every clip of either side that leaks, with one of those that it leaks or that leak it.

    What is the same to the bit is not named as near too.
    """
    leaks = (*_exact(train, judged), *_near(train, judged))
    return [*leaks, *_shared(train.clips, judged.clips)]


def leaks_by_name(lessons: Collection[tuple[str, str | None]], judged: Clips) -> list[Leak]:
    """Judged trials among the lessons, with and without the corpus before their names."""
    names = {*lessons, *((name.partition("/")[2], attack) for name, attack in lessons)}
    return [
        Leak("exact", trial.utterance_id, trial.utterance_id, "a training trial of it")
        for trial in judged.trials
        if (trial.utterance_id, trial.attack_id) in names
    ]


def audio_hash(clips: Clips, row: int) -> str:
    """SHA-256 of the 16-bit samples of one clip."""
    start = int(clips.offsets[row])
    samples = clips.samples[start : start + int(clips.lengths[row])]
    return hashlib.sha256(samples.tobytes()).hexdigest()


def _exact(train: Prints, judged: Prints) -> Iterator[Leak]:
    """Each judged clip with the first of its copies, and the other copies with the first judged.

    A thousand silent clips on both sides are two thousand leaks, not a million.
    """
    rows: dict[str, list[int]] = {}
    for row, value in enumerate(train.hashes):
        rows.setdefault(value, []).append(row)
    first_judged = set[str]()
    for at, value in enumerate(judged.hashes):
        copies = rows.get(value, ())
        for row in copies[:1] if value in first_judged else copies:
            yield _leak("exact", train, row, judged, at, "the same samples")
        first_judged.add(value)


def _near(train: Prints, judged: Prints) -> Iterator[Leak]:
    """Each judged clip with the train clips of its recording, the same samples excepted."""
    indexed, queries = _long_enough(train), _long_enough(judged)
    if not indexed or not queries:
        return
    searched = [judged.words[at] for at in queries]
    index = SignatureIndex([train.words[row] for row in indexed], searched)
    nearest = zip(queries, index.nearest(searched), strict=True)
    shortlists, pairs = tee((at, [indexed[one] for one in rows]) for at, rows in nearest)
    tasks = ((judged.words[at], [train.words[row] for row in rows]) for at, rows in shortlists)
    with closing(in_order(_recordings, tasks, decoding_processes(len(queries)))) as answers:
        for (at, rows), same in zip(pairs, answers, strict=True):
            for place, rate in same:
                if train.hashes[rows[place]] != judged.hashes[at]:
                    what = f"{100 * rate:.0f} % of the bits differ"
                    yield _leak("near", train, rows[place], judged, at, what)


def _recordings(task: tuple[Words, list[Words]]) -> list[tuple[int, float]]:
    """Which of a shortlist are of the query's recording, and the rates of bits that differ.

    Most of a shortlist is not looked at: it ends at STRANGERS that are of other recordings.
    """
    query, shortlist = task
    same = list[tuple[int, float]]()
    for place, words in enumerate(shortlist):
        overlap = overlay(words, query)
        if same_recording(overlap):
            same.append((place, overlap.error_rate))
        elif place + 1 - len(same) == STRANGERS:
            break
    return same


def _long_enough(prints: Prints) -> list[int]:
    return [row for row, words in enumerate(prints.words) if words.size >= FEWEST]


def _shared(train: Clips, judged: Clips) -> Iterator[Leak]:
    """The first clip of each side for every speaker and source that both have."""
    for kind, column in (("speaker", "speaker_id"), ("source", "source")):
        of_train, of_judged = _first(train, column), _first(judged, column)
        for name in sorted(of_train.keys() & of_judged.keys()):
            yield Leak(kind, of_train[name], of_judged[name], name)  # type: ignore[arg-type]


def _first(clips: Clips, column: str) -> Mapping[str, str]:
    first: dict[str, str] = {}
    for trial in clips.trials:
        name = getattr(trial, column)
        if name:
            first.setdefault(name, trial.utterance_id)
    return first


def _leak(kind: Kind, train: Prints, row: int, judged: Prints, at: int, what: str) -> Leak:
    names = train.clips.utterance_ids[row], judged.clips.utterance_ids[at]
    return Leak(kind, *names, what)


def leaking(leaks: Sequence[Leak], clips: Clips, kinds: Sequence[Kind]) -> NDArray[np.bool_]:
    """Which clips (clips,) of the heard side leaks of these kinds concern, with copies of them.

    A shared speaker or source concerns all clips of that name.
    """
    chosen = [leak for leak in leaks if leak.kind in kinds]
    ids = {leak.heard for leak in chosen if leak.kind in ("exact", "near")}
    speakers = {leak.what for leak in chosen if leak.kind == "speaker"}
    sources = {leak.what for leak in chosen if leak.kind == "source"}
    own = {
        trial.utterance_id
        for trial in clips.trials
        if trial.utterance_id in ids or trial.speaker_id in speakers or trial.source in sources
    }
    return np.array([t.utterance_id in own or t.parent in own for t in clips.trials], dtype=bool)


def refuse_leaks(
    where: str, leaks: Sequence[Leak], params: LeakageParams, details: str = ""
) -> None:
    """Raise InputError naming the first leak of a kind at which params say `stop`.

    `details` is where the others can be read.
    """
    fatal = [leak for leak in leaks if getattr(params, leak.kind) == "stop"]
    if fatal:
        first = fatal[0]
        raise InputError(
            f"{where}: {first.heard} leaks {first.judged} ({first.kind}: {first.what}), "
            f"{len(fatal)} leaks in all{details}; `leakage.{first.kind}: drop` leaves them out"
        )


def dropped_clips(leaks: Sequence[Leak], clips: Clips, params: LeakageParams) -> NDArray[np.bool_]:
    """Which clips (clips,) of the heard side params leave out because of these leaks."""
    kinds = dict.fromkeys(leak.kind for leak in leaks)
    return leaking(leaks, clips, [kind for kind in kinds if getattr(params, kind) == "drop"])


def judged_clips_to_drop(
    leaks: Sequence[Leak], judged: Iterable[Clips], params: LeakageParams
) -> frozenset[str]:
    """The utterance_ids of the judged clips that params leave out because of these leaks."""
    mirrored = [leak.reversed for leak in leaks]
    return frozenset(
        clips.utterance_ids[row]
        for clips in judged
        for row in dropped_clips(mirrored, clips, params).nonzero()[0]
    )
