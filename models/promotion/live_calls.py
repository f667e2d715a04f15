"""From first calls of callers to gains for the sequential test.

What is tested: on the first call of a new caller, the challenger's balanced error (the mean of the
error rates of both classes) is not lower than the champion's. Two rules make every gain fair under
this hypothesis, given all gains before it:

- A caller is one call, the first in the shadow, whatever the two detectors say of it. Detectors
  have habits with a voice or a line, so later calls of a caller repeat its first one. The first
  *disagreement* would not do: callers with rare errors come to theirs late, and of a candidate that
  errs often with a few callers and rarely with many, only its gains would be left in the end.
- A gain is the mean of a group of bona fide calls and a group of spoofs, weighted equally. Sizes of
  groups follow from the classes of the calls alone. Given the classes, the expected gain is half
  the sum of both classes' expected gains, however rare a class is and however its share changes.
  Weights by class would have to be estimated, and favour one detector while they are wrong.

The class of a call on which both agree is what they say, as nobody labels it. Only where a class is
rare, and both often miss it together, does this make the class count for more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Call:
    """The first call of a caller."""

    bonafide: bool
    gain: float = 0.0  # champion's loss − challenger's, each 0 or 1: 0 where they agree
    recording: str = ""  # SHA-256, where they disagree


@dataclass(frozen=True)
class Observation:
    """What one group of bona fide calls and one of spoofs say."""

    gain: float  # mean of the means of both groups, -1 to 1
    recordings: tuple[str, ...]  # on which the detectors disagree; at least one


def observations(calls: Iterable[Call]) -> Iterator[Observation]:
    """Group calls, in the order of arrival, so that a group has both classes.

    The common class has as many calls to one of the rare class as it had so far; calls wait until a
    group is full. Groups without a disagreement are left out: their gain is 0.
    """
    waiting: dict[bool, deque[Call]] = {True: deque(), False: deque()}
    counts = {True: 0, False: 0}
    for call in calls:
        waiting[call.bonafide].append(call)
        counts[call.bonafide] += 1
        if not all(counts.values()):
            continue
        sizes = {label: max(round(counts[label] / counts[not label]), 1) for label in counts}
        while all(len(waiting[label]) >= size for label, size in sizes.items()):
            group = [_take(waiting[label], size) for label, size in sizes.items()]
            recordings = tuple(call.recording for calls in group for call in calls)
            if any(recordings):
                means = [sum(call.gain for call in calls) / len(calls) for calls in group]
                yield Observation(sum(means) / 2, tuple(filter(None, recordings)))


def _take(waiting: deque[Call], count: int) -> list[Call]:
    return [waiting.popleft() for _ in range(count)]
