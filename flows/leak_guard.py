"""Whether what is learnt from gives away what is judged: looked at once the clips are packed."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

from flows.files import write_rows
from models.clips import Clips, open_clips, pack_clips
from models.errors import InputError
from models.leakage import Kind, Leak, Prints, find_leaks, leaking
from models.params import LeakageParams
from models.trials import Partition

LEAKS = "leaks.csv"  # beside the packed clips

log = logging.getLogger("antiphon.stages")


def guard(folder: Path, params: LeakageParams) -> None:
    """Look for leaks between all partitions, write them down, and drop clips or stop.

    A clip of train goes for the sake of dev or eval, one of dev for the sake of eval: what is
    judged stays. Raises InputError, naming a leak, where params say `stop`, and where dropping
    leaves a partition without one of the classes.
    """
    judged = [(Partition.EVAL, Prints.of(open_clips(folder, Partition.EVAL)))]
    rows = []
    for partition in (Partition.DEV, Partition.TRAIN):
        clips = open_clips(folder, partition)
        prints = Prints.of(clips)
        leaks = [(side, leak) for side, other in judged for leak in find_leaks(prints, other)]
        rows += [_row(partition, side, leak, params) for side, leak in leaks]
        write_rows(folder / LEAKS, rows or [_EMPTY])
        found = [leak for _, leak in leaks]
        _stop(partition, found, params)
        judged.append((partition, _without(prints, found, folder, partition, params)))


_EMPTY = dict.fromkeys(
    ("partition", "utterance_id", "kind", "judged_in", "judged", "what", "done"), ""
)


def _row(
    partition: Partition, side: Partition, leak: Leak, params: LeakageParams
) -> dict[str, str]:
    done = getattr(params, leak.kind)
    values = (partition, leak.heard, leak.kind, side, leak.judged, leak.what, done)
    return dict(zip(_EMPTY, map(str, values), strict=True))


def _stop(partition: Partition, leaks: list[Leak], params: LeakageParams) -> None:
    fatal = [leak for leak in leaks if getattr(params, leak.kind) == "stop"]
    if fatal:
        first = fatal[0]
        raise InputError(
            f"{partition}: {first.heard} gives away {first.judged} ({first.kind}: {first.what}), "
            f"{len(fatal)} such in all, see {LEAKS}; `leakage.{first.kind}: drop` leaves them out"
        )


def _without(
    prints: Prints, leaks: list[Leak], folder: Path, partition: Partition, params: LeakageParams
) -> Prints:
    """What is left of a partition, packed again where clips are dropped."""
    counts = Counter(leak.kind for leak in leaks)
    for kind, count in sorted(counts.items()):
        log.warning("%s: %d leaks by %s, see %s", partition, count, kind, LEAKS)
    kinds: list[Kind] = [kind for kind in counts if getattr(params, kind) == "drop"]
    dropped = leaking(leaks, prints.clips, kinds)
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
