"""Partitions for corpora that come without: by speaker and parent, under a seed, and stable.

A group (everything that a speaker, or a recording and its copies, connects) goes where a hash of
the seed and the group's key says, so a group stays where it is when others join the corpus. Only
in a corpus so small that the hash leaves a partition without one of the classes is a group moved.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from models.errors import InputError
from models.trials import Label, Partition, Trial

log = logging.getLogger(__name__)


def partition_of(
    group_key: str, seed: int = 2026, train_share: float = 0.6, dev_share: float = 0.2
) -> Partition:
    """Where the group of this key belongs, whatever else a corpus holds.

    The key of a field sample is its speaker_id, else its source and hour, else its utterance_id.
    """
    return _Shares(seed, train_share, dev_share).partition(group_key)


def wanted_partitions(train_share: float, dev_share: float) -> list[Partition]:
    """The partitions that get a share."""
    return _Shares(0, train_share, dev_share).wanted()


def draw_partitions(
    trials: Sequence[Trial],
    *,
    origin: str,
    seed: int = 2026,
    train_share: float = 0.6,
    dev_share: float = 0.2,
) -> tuple[Trial, ...]:
    """The trials with partitions; neither a speaker nor a recording and its copy are split.

    Raises InputError, beginning with `origin`, where there are too few groups to give each
    partition both classes.
    """
    shares = _Shares(seed, train_share, dev_share)
    keys = group_keys(trials)
    labels: dict[str, set[Label]] = defaultdict(set)
    for trial, key in zip(trials, keys, strict=True):
        labels[key].add(trial.label)
    _refuse_too_few(labels, shares, origin)
    drawn = {key: shares.partition(key) for key in labels}
    _complete(drawn, labels, shares, origin)
    return tuple(replace(t, partition=drawn[k]) for t, k in zip(trials, keys, strict=True))


def group_keys(trials: Sequence[Trial]) -> list[str]:
    """The key of each trial's group.

    It is the first, by alphabet, of the group's speakers who are not known by copies alone; so
    copies that join later do not change it, unless they tie two such speakers together (a voice
    converted from one into the other), whose groups then become one.
    """
    groups = _Groups()
    for trial in trials:
        groups.join(f"utterance {trial.utterance_id}", _speaker(trial), _parent(trial))
    best: dict[str, tuple[int, str]] = {}
    roots = [groups.root(f"utterance {trial.utterance_id}") for trial in trials]
    for trial, root in zip(trials, roots, strict=True):
        candidate = _candidate(trial)
        best[root] = min(best.get(root, candidate), candidate)
    return [best[root][1] for root in roots]


def _speaker(trial: Trial) -> str | None:
    return f"speaker {trial.speaker_id}" if trial.speaker_id else None


def _parent(trial: Trial) -> str | None:
    return f"utterance {trial.parent}" if trial.parent else None


def _candidate(trial: Trial) -> tuple[int, str]:
    """What this trial offers as its group's key, behind how well it would serve."""
    if trial.parent is None:
        return (0, trial.speaker_id) if trial.speaker_id else (1, trial.utterance_id)
    return (2, trial.speaker_id) if trial.speaker_id else (3, trial.parent)


class _Groups:
    """Disjoint sets of names (union-find with path halving)."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def root(self, name: str) -> str:
        above = self._above
        above.setdefault(name, name)
        while above[name] != name:
            above[name] = name = above[above[name]]
        return name

    def join(self, name: str, *others: str | None) -> None:
        for other in others:
            if other is not None:
                self._above[self.root(other)] = self.root(name)


@dataclass(frozen=True)
class _Shares:
    """What shares of the groups go where, under which seed."""

    seed: int
    train: float
    dev: float

    def __post_init__(self) -> None:
        if self.train < 0 or self.dev < 0 or self.train + self.dev >= 1:
            raise InputError(
                f"train_share {self.train:g} and dev_share {self.dev:g} must leave a share for eval"
            )

    def wanted(self) -> list[Partition]:
        """The partitions that are to hold something."""
        return [p for p in Partition if self.span(p)[0] < self.span(p)[1]]

    def span(self, partition: Partition) -> tuple[float, float]:
        """The part of 0..1 that is the partition's."""
        edges = (0.0, self.train, self.train + self.dev, 1.0)
        at = list(Partition).index(partition)
        return edges[at], edges[at + 1]

    def position(self, key: str) -> float:
        """Where in 0..1 a group falls."""
        digest = hashlib.sha256(f"{self.seed}\n{key}".encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64

    def partition(self, key: str) -> Partition:
        position = self.position(key)
        return next((p for p in Partition if position < self.span(p)[1]), Partition.EVAL)

    def distance(self, key: str, partition: Partition) -> float:
        """How far a group falls from a partition."""
        low, high = self.span(partition)
        return max(low - self.position(key), self.position(key) - high)


def _refuse_too_few(labels: Mapping[str, set[Label]], shares: _Shares, origin: str) -> None:
    wanted = shares.wanted()
    for label in sorted(set().union(*labels.values())):
        groups = sum(label in classes for classes in labels.values())
        if groups < len(wanted):
            raise _too_few(origin, groups, label, wanted)


def _too_few(origin: str, groups: int, label: Label, wanted: Iterable[Partition]) -> InputError:
    return InputError(
        f"{origin}: {groups} groups of {label} utterances that share no speaker or recording are "
        f"too few for the partitions {', '.join(wanted)}"
    )


def _complete(
    drawn: dict[str, Partition],
    labels: Mapping[str, set[Label]],
    shares: _Shares,
    origin: str,
) -> None:
    """Move single groups, the nearest first, until every partition has every class there is."""
    counts = Counter((drawn[key], label) for key, classes in labels.items() for label in classes)
    wanted = shares.wanted()
    for label, partition in product(sorted(set().union(*labels.values())), wanted):
        if counts[partition, label]:
            continue
        groups = [key for key, classes in labels.items() if label in classes]
        spare = [k for k in groups if all(counts[drawn[k], held] > 1 for held in labels[k])]
        if not spare:
            raise _too_few(origin, len(groups), label, wanted)
        key = min(spare, key=lambda k: (shares.distance(k, partition), k))
        log.warning(
            "%s: %s moved from %s to %s, which had no %s; it may move back as the corpus grows, "
            "unless a partition column says where it belongs",
            *(origin, key, drawn[key], partition, label),
        )
        counts.subtract((drawn[key], held) for held in labels[key])
        counts.update((partition, held) for held in labels[key])
        drawn[key] = partition
