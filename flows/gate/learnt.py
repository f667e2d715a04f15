"""What the detectors before the gate have learnt of the trials that judge them.

`prepare` searched what a cycle's candidate heard. Here is looked at what it cannot know: trials
that became judges later (a sentinel named after the champion was trained), and detectors that were
trained elsewhere. A detector cannot unlearn: such trials judge nobody, or the comparison ends.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flows.gate.leak_guard import dropped_kinds, is_packed, read_guarded, stop_at
from models.data.clips import Clips, open_clips
from models.data.leakage import Leak, Prints, find_leaks, leaking
from models.params.leakage import LeakageParams
from models.training.continual.lessons import Lessons, read_lessons
from models.trials import Partition, trials_hash

log = logging.getLogger("antiphon.cycle")


@dataclass(frozen=True)
class Search:
    """What was found, and what could not be looked at."""

    left_out: frozenset[str] = frozenset()  # utterance_ids of judged trials
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of each detector


def search_learnt(
    detectors: Mapping[str, Path],
    prepared: Path,
    judged: Sequence[str],
    params: LeakageParams,
    heard: Path | None = None,
) -> Search:
    """Look for what detectors have learnt among the parts `judged` of the packed clips.

    By name for every detector whose folder tells its trials; by audio for the `candidate`, in
    `heard`, the packed clips that it was trained on, where they are given. Raises InputError where
    params say `stop`.
    """
    clips = {name: open_clips(prepared, name) for name in judged}
    left_out: set[str] = set()
    notes: dict[str, tuple[str, ...]] = {}
    for who, folder in detectors.items():
        lessons = read_lessons(folder)
        found = [*_by_name(lessons, clips)]
        own_audio = heard if who == "candidate" else None
        if own_audio is not None:
            found += _by_audio(own_audio, clips)
        stop_at(who, found, params)
        own = _ids(found, clips, params)
        left_out |= own
        told = [*_told(found, own), *_unsearched(who, lessons, prepared, clips, heard is not None)]
        notes[who] = tuple(told)
        for sentence in told:
            log.warning("%s: %s", who, sentence)
    return Search(frozenset(left_out), notes)


def _by_name(lessons: Lessons, judged: Mapping[str, Clips]) -> Iterator[Leak]:
    """Judged trials among the lessons, with and without the corpus before their names."""
    known = lessons | {(name.partition("/")[2], attack) for name, attack in lessons}
    for clips in judged.values():
        for key in zip(clips.utterance_ids, clips.attack_ids, strict=True):
            if key in known:
                yield Leak("exact", key[0], key[0], "a trial it has learnt from")


def _by_audio(heard: Path, judged: Mapping[str, Clips]) -> list[Leak]:
    names = [name for name in (Partition.TRAIN, Partition.DEV) if is_packed(heard, name)]
    learnt = [Prints.of(open_clips(heard, name)) for name in names or [Partition.TRAIN]]
    others = [Prints.of(clips) for clips in judged.values()]
    return [leak for one in learnt for other in others for leak in find_leaks(one, other)]


def _ids(found: Sequence[Leak], judged: Mapping[str, Clips], params: LeakageParams) -> set[str]:
    """The judged trials that params leave out."""
    kinds, leaks = dropped_kinds(found, params), [leak.reversed for leak in found]
    return {
        clips.utterance_ids[row]
        for clips in judged.values()
        for row in leaking(leaks, clips, kinds).nonzero()[0]
    }


def _told(found: Sequence[Leak], left_out: set[str]) -> Iterator[str]:
    for kind in dict.fromkeys(leak.kind for leak in found):
        leaks = [leak for leak in found if leak.kind == kind]
        yield (
            f"it has learnt from {leaks[0].heard}, which gives away the judged {leaks[0].judged} "
            f"({kind}: {leaks[0].what}), {len(leaks)} such in all"
        )
    if left_out:
        yield f"{len(left_out)} judged trials are left out, as it has learnt from them"


def _unsearched(
    who: str, lessons: Lessons, prepared: Path, judged: Mapping[str, Clips], searched: bool
) -> Iterator[str]:
    """What a reader must know was not looked at; of a champion its own cycle has searched."""
    if not lessons:
        yield (
            "its folder does not say which trials it has learnt from: judged ones among them could "
            "not be looked for"
        )
    guarded = read_guarded(prepared)
    in_cycle = guarded.get(Partition.TRAIN) == trials_hash(lessons) and all(
        guarded.get(name) == clips.trials_hash for name, clips in judged.items()
    )
    if who == "candidate" and not in_cycle and not searched:
        yield (
            "what it has learnt from is not at hand: copies of judged trials in it could not be "
            "looked for"
        )
