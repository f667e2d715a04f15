"""Whether what is learnt from gives away what is judged: looked at once the clips are packed."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from flows.files import write_json, write_rows
from models.data.clips import Clips, open_clips, pack_clips
from models.data.leakage import Kind, Leak, Prints, find_leaks, leaking
from models.errors import InputError
from models.params.leakage import LeakageParams
from models.trials import Partition

SENTINEL = "sentinel"  # packed beside the partitions, where there are sentinel corpora
LEAKS = "leaks.csv"  # beside the packed clips
GUARDED = "guarded.json"  # the trials that were searched: hashes of what is left of each part
_HEARD = (Partition.DEV, Partition.TRAIN)  # dev is judged too, while training

log = logging.getLogger("antiphon.stages")


def guard(folder: Path, params: LeakageParams) -> None:
    """Look for leaks between all parts that are packed, write them down, and drop clips or stop.

    A clip of train goes for the sake of dev, eval or a sentinel, one of dev for the sake of eval or
    a sentinel: what is judged stays. Raises InputError, naming a leak, where params say `stop`, and
    where dropping leaves a partition without one of the classes.
    """
    judged = [
        (name, Prints.of(open_clips(folder, name)))
        for name in (SENTINEL, str(Partition.EVAL))
        if is_packed(folder, name)
    ]
    rows = []
    for partition in _HEARD:
        if not is_packed(folder, partition):
            continue
        prints = Prints.of(open_clips(folder, partition))
        leaks = [(side, leak) for side, other in judged for leak in find_leaks(prints, other)]
        rows += [_row(partition, side, leak, params) for side, leak in leaks]
        write_rows(folder / LEAKS, rows or [_EMPTY])
        found = [leak for _, leak in leaks]
        stop_at(partition, found, params, f", see {LEAKS}")
        judged.append((str(partition), _without(prints, found, folder, partition, params)))
    write_json(folder / GUARDED, {name: prints.clips.trials_hash for name, prints in judged})


def is_packed(folder: Path, name: str) -> bool:
    """Whether a part's clips are there."""
    return (folder / f"{name}.csv").is_file()


def read_guarded(folder: Path) -> dict[str, str]:
    """The trials_hash of each part after the guard; nothing where it was not called."""
    path = folder / GUARDED
    guarded: dict[str, str] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return guarded


_EMPTY = dict.fromkeys(
    ("partition", "utterance_id", "kind", "judged_in", "judged", "what", "done"), ""
)


def _row(partition: Partition, side: str, leak: Leak, params: LeakageParams) -> dict[str, str]:
    done = getattr(params, leak.kind)
    values = (partition, leak.heard, leak.kind, side, leak.judged, leak.what, done)
    return dict(zip(_EMPTY, map(str, values), strict=True))


def stop_at(where: str, leaks: Sequence[Leak], params: LeakageParams, see: str = "") -> None:
    """Raise InputError naming the first leak of a kind at which params say `stop`."""
    fatal = [leak for leak in leaks if getattr(params, leak.kind) == "stop"]
    if fatal:
        first = fatal[0]
        raise InputError(
            f"{where}: {first.heard} gives away {first.judged} ({first.kind}: {first.what}), "
            f"{len(fatal)} such in all{see}; `leakage.{first.kind}: drop` leaves them out"
        )


def dropped_kinds(leaks: Sequence[Leak], params: LeakageParams) -> list[Kind]:
    """The kinds among the leaks for which clips are left out."""
    return [
        kind
        for kind in dict.fromkeys(leak.kind for leak in leaks)
        if getattr(params, kind) == "drop"
    ]


def _without(
    prints: Prints, leaks: list[Leak], folder: Path, partition: Partition, params: LeakageParams
) -> Prints:
    """What is left of a partition, packed again where clips are dropped."""
    counts = Counter(leak.kind for leak in leaks)
    for kind, count in sorted(counts.items()):
        log.warning("%s: %d leaks by %s, see %s", partition, count, kind, LEAKS)
    dropped = leaking(leaks, prints.clips, dropped_kinds(leaks, params))
    if not dropped.any():
        return prints
    kept = prints.take((~dropped).nonzero()[0])
    _require_both_classes(kept.clips, partition)
    log.warning("%s: %d of %d clips dropped", partition, dropped.sum(), dropped.size)
    pack_clips(kept.clips, folder, partition)
    return kept


def _require_both_classes(clips: Clips, partition: Partition) -> None:
    bonafide = int(clips.bonafide.sum())
    if not 0 < bonafide < len(clips):
        raise InputError(
            f"{partition}: without the clips that give away judged ones, bonafide and spoof clips "
            f"expected, found {bonafide} bonafide and {len(clips) - bonafide} spoof"
        )
