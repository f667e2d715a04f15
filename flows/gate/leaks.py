"""Whether what a detector learns from gives away what it is judged on.

`guard` looks at the packed clips of a cycle, at the end of `prepare`. `search_leaks` looks again
before the gate, for what `prepare` cannot know: trials that became judges later (a sentinel named
after the champion was trained), and detectors that were trained elsewhere. A detector cannot
unlearn: such trials judge nobody, or the comparison ends.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from models.data.clips import Clips, is_packed, open_clips, pack_clips
from models.data.dataset import SENTINEL
from models.data.leakage import (
    Leak,
    Prints,
    dropped_clips,
    find_leaks,
    judged_clips_to_drop,
    leaks_by_name,
    refuse_leaks,
)
from models.data.lessons import Lessons, read_lessons
from models.errors import InputError
from models.files.whole_files import write_json, write_rows
from models.params.leakage import LeakageParams
from models.trials import Partition, trials_hash

LEAKS = "leaks.csv"  # beside the packed clips
GUARDED = "guarded.json"  # the trials that were searched: hashes of what is left of each part
_COLUMNS = ("partition", "utterance_id", "kind", "judged_in", "judged", "what", "done")

stages_log = logging.getLogger("antiphon.stages")
cycle_log = logging.getLogger("antiphon.cycle")


@dataclass(frozen=True)
class LeakReport:
    """What the detectors before the gate have learnt of the trials that judge them."""

    left_out: frozenset[str] = frozenset()  # utterance_ids of judged trials
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of each detector


def guard(folder: Path, params: LeakageParams) -> None:
    """Look for leaks between all parts that are packed, write them down, and drop clips or stop.

    A clip of train goes for the sake of dev, eval or a sentinel, one of dev for the sake of eval or
    a sentinel: what is judged stays. Raises InputError, naming a leak, where params say `stop`, and
    where dropping leaves a partition without one of the classes.
    """
    judged = {
        name: Prints.of(open_clips(folder, name))
        for name in (SENTINEL, str(Partition.EVAL))
        if is_packed(folder, name)
    }
    rows: list[dict[str, str]] = []
    for partition in (Partition.DEV, Partition.TRAIN):  # dev judges too, while training
        if not is_packed(folder, partition):
            continue
        prints = Prints.of(open_clips(folder, partition))
        leaks = {name: find_leaks(prints, other) for name, other in judged.items()}
        rows += [_row(partition, name, leak, params) for name in leaks for leak in leaks[name]]
        write_rows(folder / LEAKS, rows or [dict.fromkeys(_COLUMNS, "")])
        together = [leak for several in leaks.values() for leak in several]
        refuse_leaks(partition, together, params, f", see {LEAKS}")
        judged[str(partition)] = _without_leaks(prints, together, folder, partition, params)
    write_json(folder / GUARDED, {name: side.clips.trials_hash for name, side in judged.items()})


def _row(partition: Partition, side: str, leak: Leak, params: LeakageParams) -> dict[str, str]:
    action = getattr(params, leak.kind)
    values = (partition, leak.heard, leak.kind, side, leak.judged, leak.what, action)
    return dict(zip(_COLUMNS, map(str, values), strict=True))


def _without_leaks(
    prints: Prints, leaks: list[Leak], folder: Path, partition: Partition, params: LeakageParams
) -> Prints:
    """What is left of a partition, packed again where clips are dropped."""
    for kind, count in sorted(Counter(leak.kind for leak in leaks).items()):
        stages_log.warning("%s: %d leaks by %s, see %s", partition, count, kind, LEAKS)
    dropped = dropped_clips(leaks, prints.clips, params)
    if not dropped.any():
        return prints
    rest = prints.take((~dropped).nonzero()[0])
    _require_both_classes(rest.clips, partition)
    stages_log.warning("%s: %d of %d clips dropped", partition, dropped.sum(), dropped.size)
    pack_clips(rest.clips, folder, partition)
    return rest


def _require_both_classes(clips: Clips, partition: Partition) -> None:
    bonafide = int(clips.bonafide.sum())
    if not 0 < bonafide < len(clips):
        raise InputError(
            f"{partition}: bonafide and spoof clips expected after leaks were dropped, "
            f"found {bonafide} bonafide and {len(clips) - bonafide} spoof"
        )


def search_leaks(
    detectors: Mapping[str, Path],
    judged: Mapping[str, Clips],
    prepared: Path,
    params: LeakageParams,
    training_clips: Path | None = None,
) -> LeakReport:
    """Look for what detectors have learnt among the judged parts of the packed clips in `prepared`.

    By name for every detector whose folder tells its trials; by audio for the `candidate`, in
    `training_clips`, the packed clips that it was trained on, where they are given. Raises
    InputError where params say `stop`.
    """
    left_out: frozenset[str] = frozenset()
    notes: dict[str, tuple[str, ...]] = {}
    for name, folder in detectors.items():
        lessons, audio = read_lessons(folder), training_clips if name == "candidate" else None
        leaks = [leak for clips in judged.values() for leak in leaks_by_name(lessons, clips)]
        leaks += _by_audio(audio, judged) if audio else []
        refuse_leaks(name, leaks, params)
        dropped = judged_clips_to_drop(leaks, judged.values(), params)
        searched = name == "champion" or audio is not None or _in_cycle(lessons, prepared, judged)
        left_out |= dropped
        notes[name] = (*_of_leaks(leaks, dropped), *_of_the_unknown(lessons, searched))
        for note in notes[name]:
            cycle_log.warning("%s: %s", name, note)
    return LeakReport(left_out, notes)


def _by_audio(folder: Path, judged: Mapping[str, Clips]) -> list[Leak]:
    names = [name for name in (Partition.TRAIN, Partition.DEV) if is_packed(folder, name)]
    training = [Prints.of(open_clips(folder, name)) for name in names or [Partition.TRAIN]]
    others = [Prints.of(clips) for clips in judged.values()]
    return [leak for side in training for other in others for leak in find_leaks(side, other)]


def _in_cycle(lessons: Lessons, prepared: Path, judged: Mapping[str, Clips]) -> bool:
    """Whether `guard` has compared just these lessons with just these judged clips."""
    path = prepared / GUARDED
    guarded = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    hashes = {name: clips.trials_hash for name, clips in judged.items()}
    expected = {str(Partition.TRAIN): trials_hash(lessons), **hashes}
    return all(guarded.get(name) == value for name, value in expected.items())


def _of_leaks(leaks: Sequence[Leak], left_out: frozenset[str]) -> Iterator[str]:
    for kind in dict.fromkeys(leak.kind for leak in leaks):
        first, *others = (leak for leak in leaks if leak.kind == kind)
        yield (
            f"it was trained on {first.heard}, which leaks the evaluation trial {first.judged} "
            f"({kind}: {first.what}), {1 + len(others)} leaks in all"
        )
    if left_out:
        yield f"{len(left_out)} evaluation trials are left out, because it was trained on them"


def _of_the_unknown(lessons: Lessons, searched: bool) -> Iterator[str]:
    """Warnings about what could not be searched."""
    if not lessons:
        yield (
            "its folder does not list its training trials: evaluation trials among them could not "
            "be searched for"
        )
    if not searched:
        yield (
            "its training audio is not available: copies of evaluation trials in it could not be "
            "searched for"
        )
