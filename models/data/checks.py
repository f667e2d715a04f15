"""Faults of data that are found before training: faulty clips, lopsided partitions.

Of a clip: the sample rate of its file, its length, bandwidth, noise, clipping, silence and offset,
and whether the same samples are there under the other label. Of a partition: a class that is nearly
absent or spoken by one voice, a voice that is most of a class, an attack with a handful of trials.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from models import tables
from models.audio.clip_measures import Sound
from models.params.data_checks import DataCheckParams
from models.tables import LazyTable
from models.trials import Label, Partition, Trial

Trials = Sequence[Trial]
Bounds = tuple[float, float]
BalanceCheck = Callable[[Trials], Iterator[tuple[str, float, str]]]  # name, value and clause

CLIP_CHECKS: LazyTable[ClipCheck] = LazyTable(tables.CLIP_CHECKS)
BALANCE_CHECKS: LazyTable[BalanceCheck] = LazyTable(tables.BALANCE_CHECKS)
FAILURES = ("missing", "unreadable")
SHORTEST_SNR = 0.5  # s of sound
RATES = (16_000, 96_000)  # Hz, of a file
LONGEST_S = 60.0
LOWEST_TREBLE_DB = -60.0  # above 4.6 kHz, relative to speech: below, 8 kHz were sampled
LOWEST_SNR_DB = 10.0
CLIPPED_SHARE = 0.005  # of the samples, within 2 % of the clip's peak
SILENT_SHARE = 0.5  # of the clip, below -70 dBFS
HIGHEST_OFFSET = 0.01  # mean of the samples, in full scales
MINORITY_SHARE = 0.05  # of a partition's trials
SPEAKER_SHARE = 0.5  # of a class's trials in a partition
ATTACK_TRIALS = 10  # in a partition
QUANTILES = {"lowest": 0.0, "1 %": 0.01, "median": 0.5, "99 %": 0.99, "highest": 1.0}


@dataclass(frozen=True)
class DataFinding:
    """One thing that is not as it should be."""

    kind: str  # of CLIP_CHECKS or BALANCE_CHECKS, `contradiction`, `shortcut`, or of FAILURES
    partition: str  # empty: in none, or in several
    name: str  # of the utterance, speaker, attack, class or column
    value: float | None
    what: str  # a clause with the figures


@dataclass(frozen=True)
class Clip:
    """A trial, the measures of its audio, and the sample rate of its file."""

    trial: Trial
    sound: Sound
    rate: int | None = None  # Hz; None: nothing says it

    @property
    def partition(self) -> str:
        """Its partition's name."""
        return str(self.trial.partition or "")


@dataclass(frozen=True)
class ClipCheck:
    """A quantity of a clip and the range it should be in."""

    what: str
    unit: str
    value: Callable[[Clip], float | None]
    bounds: Callable[[DataCheckParams], Bounds]

    def complaint(self, value: float, bounds: Bounds) -> str | None:
        """What is wrong with a value, as a clause; None where it is within bounds."""
        low, high = bounds
        if low <= value <= high:
            return None
        unit = f" {self.unit}" if self.unit else ""
        bound, side = (low, "more") if value < low else (high, "less")
        return f"{self.what} of {figure(value)}{unit}, {figure(bound)}{unit} or {side} expected"


def check_data(clips: Sequence[Clip], params: DataCheckParams) -> list[DataFinding]:
    """Every finding, kind by kind in the order of the tables, in each in the order of the clips."""
    findings = [
        f for kind, check in CLIP_CHECKS.items() for f in _faulty(kind, check, clips, params)
    ]
    findings += contradictions(clips)
    for kind, look in BALANCE_CHECKS.items():
        for partition in Partition:
            trials = [clip.trial for clip in clips if clip.trial.partition is partition]
            findings += [
                DataFinding(kind, str(partition), name, value, what)
                for name, value, what in look(trials)
            ]
    return findings


def does(kind: str, params: DataCheckParams) -> str:
    """`stop` or `report`; what is missing or unreadable can only stop."""
    return "stop" if kind in FAILURES else params.does(kind)


def summarise(
    clips: Sequence[Clip], findings: Iterable[DataFinding], params: DataCheckParams
) -> dict[str, Any]:
    """How many findings of each kind, and the quantiles of every quantity by class."""
    counts = Counter(finding.kind for finding in findings)
    return {
        "clips": len(clips),
        "findings": {k: {"count": n, "does": does(k, params)} for k, n in counts.items()},
        "quantities": {
            kind: {str(label): _quantiles(check, clips, label) for label in Label}
            for kind, check in CLIP_CHECKS.items()
        },
    }


def contradictions(clips: Iterable[Clip]) -> Iterator[DataFinding]:
    """The same samples under both labels: one of the two is wrong."""
    first: dict[str, dict[Label, Clip]] = defaultdict(dict)
    for clip in clips:
        by_label = first[clip.sound.digest]
        for label, other in by_label.items():
            if label is not clip.trial.label and clip.trial.label not in by_label:
                what = f"{clip.trial.label}, but the same samples are {label} as {_named(other)}"
                name = clip.trial.utterance_id
                yield DataFinding("contradiction", clip.partition, name, None, what)
                break
        by_label.setdefault(clip.trial.label, clip)


def minority(trials: Trials) -> Iterator[tuple[str, float, str]]:
    """A class that is nearly absent."""
    counts = Counter(trial.label for trial in trials)
    for label in Label:
        share = counts[label] / max(len(trials), 1)
        if trials and share < MINORITY_SHARE:
            yield (
                str(label), share,
                f"{counts[label]:,} of {len(trials):,} trials, {MINORITY_SHARE:g} of them "
                "or more expected",
            )  # fmt: skip


def lone_speaker(trials: Trials) -> Iterator[tuple[str, float, str]]:
    """A class with a single speaker: the voice gives the label away."""
    for label, counts in _speakers(trials).items():
        if len(counts) == 1 and None not in counts:
            (name,) = counts
            yield str(label), 1.0, f"all of it is spoken by {name}, several speakers expected"


def speaker_share(trials: Trials) -> Iterator[tuple[str, float, str]]:
    """A speaker who is most of a class."""
    for label, counts in _speakers(trials).items():
        for name, count in counts.items():
            share = count / counts.total()
            if name is not None and len(counts) > 1 and share > SPEAKER_SHARE:
                what = f"{share:.3g} of the {label} trials, {SPEAKER_SHARE:g} or less expected"
                yield name, share, what


def few_trials(trials: Trials) -> Iterator[tuple[str, float, str]]:
    """An attack that is hardly there."""
    counts = Counter(trial.attack_id for trial in trials if trial.attack_id is not None)
    for attack, count in sorted(counts.items()):
        if count < ATTACK_TRIALS:
            yield attack, count, f"{count} trials, {ATTACK_TRIALS} or more expected"


def _faulty(
    kind: str, check: ClipCheck, clips: Iterable[Clip], params: DataCheckParams
) -> Iterator[DataFinding]:
    bounds = check.bounds(params)
    for clip in clips:
        value = check.value(clip)
        what = None if value is None else check.complaint(value, bounds)
        if what:
            yield DataFinding(kind, clip.partition, clip.trial.utterance_id, value, what)


def _quantiles(check: ClipCheck, clips: Iterable[Clip], label: Label) -> dict[str, float] | None:
    of_class = (check.value(clip) for clip in clips if clip.trial.label is label)
    values = [value for value in of_class if value is not None]
    if not values:
        return None
    return {name: float(np.quantile(values, at)) for name, at in QUANTILES.items()}


def _speakers(trials: Trials) -> Mapping[Label, Counter[str | None]]:
    counts: dict[Label, Counter[str | None]] = defaultdict(Counter)
    for trial in trials:
        counts[trial.label][trial.speaker_id] += 1
    return counts


def _named(clip: Clip) -> str:
    where = f" ({clip.partition})" if clip.partition else ""
    return f"{clip.trial.utterance_id}{where}"


def figure(value: float) -> str:
    """A value of any quantity, for reading."""
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 or value == 0 else f"{value:.1e}"


def _snr(clip: Clip) -> float | None:
    """None where too little is audible to tell speech from noise."""
    values = clip.sound.values
    audible_s = values["duration_s"] * (1 - values["silent_share"])
    return values["snr_db"] if audible_s >= SHORTEST_SNR else None


def _of_sound(name: str) -> Callable[[Clip], float]:
    return lambda clip: clip.sound.values[name]


RATE = ClipCheck("sample rate", "Hz", lambda clip: clip.rate, lambda _: RATES)
DURATION = ClipCheck("duration", "s", _of_sound("duration_s"), lambda p: (p.shortest_s, LONGEST_S))
BANDWIDTH = ClipCheck(
    "power above 4.6 kHz", "dB", _of_sound("treble_db"), lambda _: (LOWEST_TREBLE_DB, math.inf)
)
SNR = ClipCheck("estimated SNR", "dB", _snr, lambda _: (LOWEST_SNR_DB, math.inf))
CLIPPING = ClipCheck(
    "share at the peak", "", _of_sound("clipped_share"), lambda _: (0.0, CLIPPED_SHARE)
)
SILENCE = ClipCheck("silent share", "", _of_sound("silent_share"), lambda _: (0.0, SILENT_SHARE))
OFFSET = ClipCheck(
    "DC offset", "", lambda clip: abs(clip.sound.offset), lambda _: (0.0, HIGHEST_OFFSET)
)
