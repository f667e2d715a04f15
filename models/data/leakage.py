"""Leaks from train into judged trials: duplicates, and speakers and sources in both.

`exact` is the same 16-bit audio, `near` the same recording after a codec, another gain or a cut
(`models/audio/fingerprint.py`; also a copy-synthesis of it), `speaker` and `source` a name on both
sides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.audio.fingerprint import Words, fingerprint, overlay, same_recording, signature
from models.data.clips import Clips
from models.errors import InputError
from models.params.leakage import LeakageParams

Kind = Literal["exact", "near", "speaker", "source"]
CANDIDATES = 10  # most like signatures that are laid over one another
_AT_ONCE = 256  # signatures compared in one product


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
    signatures: NDArray[np.float32]  # (clips, 4096)

    @classmethod
    def of(cls, clips: Clips) -> Prints:
        """Reads every clip once; takes about 3 ms for each second of audio."""
        words = tuple(fingerprint(clips.waveform(row)) for row in range(len(clips)))
        hashes = tuple(audio_hash(clips, row) for row in range(len(clips)))
        return cls(clips, hashes, words, np.stack([signature(clip_words) for clip_words in words]))

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> Prints:
        """Those of the clips at `rows`."""
        hashes = tuple(self.hashes[row] for row in rows)
        words = tuple(self.words[row] for row in rows)
        return Prints(self.clips.take(rows), hashes, words, self.signatures[rows])


def find_leaks(train: Prints, judged: Prints) -> list[Leak]:
    """Every leak between two sides; a pair that is the same to the bit is not named as near too."""
    exact = list(_exact(train, judged))
    exact_pairs = {(leak.heard, leak.judged) for leak in exact}
    near = (leak for leak in _near(train, judged) if (leak.heard, leak.judged) not in exact_pairs)
    return [*exact, *near, *_shared(train.clips, judged.clips)]


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
    rows: dict[str, list[int]] = {}
    for row, value in enumerate(train.hashes):
        rows.setdefault(value, []).append(row)
    for at, value in enumerate(judged.hashes):
        for row in rows.get(value, ()):
            yield _leak("exact", train, row, judged, at, "the same samples")


def _near(train: Prints, judged: Prints) -> Iterator[Leak]:
    centre = train.signatures.mean(axis=0)  # what all speech has in common
    vectors = train.signatures - centre
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    count = min(CANDIDATES, len(vectors))
    for start in range(0, len(judged.words), _AT_ONCE):
        likeness = (judged.signatures[start : start + _AT_ONCE] - centre) @ vectors.T
        nearest = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
        for at, rows in enumerate(nearest, start):
            for row in np.sort(rows):
                overlap = overlay(train.words[row], judged.words[at])
                if same_recording(overlap):
                    what = f"{100 * overlap.error_rate:.0f} % of the bits differ"
                    yield _leak("near", train, int(row), judged, at, what)


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
