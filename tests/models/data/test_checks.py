"""Planted faults are found, and real speech is left alone."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from models.audio.clip_measures import listen
from models.data.checks import (
    BALANCE_CHECKS,
    CLIP_CHECKS,
    Clip,
    DataFinding,
    check_data,
    does,
    summarise,
)
from models.data.clips import to_int16
from models.errors import InputError
from models.params.data_checks import DataCheckParams
from models.params.tree import params_from_mapping
from models.trials import Partition, Trial

Waveform = NDArray[np.float64]
PARAMS = DataCheckParams()
RNG = np.random.default_rng(5)


def clip_of(
    waveform: Waveform, name: str = "u", attack: str | None = None, rate: int = 16_000
) -> Clip:
    trial = Trial(name, Path(name), attack, Partition.TRAIN, speaker_id=name)
    return Clip(trial, listen(to_int16(waveform, name)), rate)


def found(clips: Iterable[Clip]) -> dict[str, list[str]]:
    """The names of each kind of finding in clips themselves."""
    kinds: dict[str, list[str]] = {}
    for finding in check_data(list(clips), PARAMS):
        if finding.kind not in BALANCE_CHECKS:
            kinds.setdefault(finding.kind, []).append(finding.name)
    return kinds


def telephone(waveform: Waveform) -> Waveform:
    low = soxr.resample(waveform, 16_000, 8_000)
    return np.asarray(soxr.resample(low, 8_000, 16_000))


def noisy(waveform: Waveform) -> Waveform:
    """At 0 dB."""
    return waveform + RNG.normal(0, np.sqrt(np.mean(waveform**2)), waveform.size)


def clipped(waveform: Waveform) -> Waveform:
    """2 % of the samples at full scale, then made quieter."""
    return 0.5 * np.clip(waveform / np.quantile(np.abs(waveform), 0.98), -1, 1)


def mostly_silent(waveform: Waveform) -> Waveform:
    return np.append(waveform, np.zeros(3 * waveform.size))


FAULTS: dict[str, tuple[str, Callable[[Waveform], Waveform]]] = {
    "one tenth of a second": ("duration", lambda waveform: waveform[4_000:5_600]),
    "sampled at 8 kHz": ("bandwidth", telephone),
    "noise as loud as speech": ("snr", noisy),
    "clipped": ("clipping", clipped),
    "silence": ("silence", lambda waveform: np.zeros(waveform.size)),
    "a constant": ("silence", lambda waveform: np.full(waveform.size, 0.2)),
    "silence for the most part": ("silence", mostly_silent),
    "an offset": ("offset", lambda waveform: waveform + 0.05),
}


@pytest.fixture(scope="module")
def speech(shared: Path) -> dict[str, Waveform]:
    """Each 29th utterance of real speech: people and every attack."""
    folder = shared / "corpus"
    with (folder / "protocol.csv").open() as stream:
        rows = list(csv.DictReader(stream))[::29]
    return {row["utterance_id"]: soundfile.read(folder / row["path"])[0] for row in rows}


def test_clean_speech_is_left_alone(speech: dict[str, Waveform]) -> None:
    assert len(speech) == 77
    assert found(clip_of(waveform, name) for name, waveform in speech.items()) == {}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_in_whatever_is_said(
    speech: dict[str, Waveform], fault: str
) -> None:
    kind, spoil = FAULTS[fault]
    kinds = found(clip_of(spoil(waveform), name) for name, waveform in speech.items())
    assert set(kinds[kind]) == set(speech)


def test_a_file_of_another_rate_is_told_of_with_both_rates() -> None:
    hum = np.sin(np.arange(16_000) * 0.05)
    (finding,) = [f for f in check_data([clip_of(hum, rate=8_000)], PARAMS) if f.kind == "rate"]
    assert finding.what == "sample rate of 8,000 Hz, 16,000 Hz or more expected"
    assert "rate" not in found([replace(clip_of(hum), rate=None)])  # nothing says it


def test_the_same_samples_under_both_labels_contradict_each_other() -> None:
    one, other = (np.sin(np.arange(16_000) * step) for step in (0.05, 0.07))
    clips = [
        clip_of(one, "first"), clip_of(other, "alone", "A1"), clip_of(one, "again"),
        clip_of(one, "turned", "A1"),
    ]  # fmt: skip
    (finding,) = [f for f in check_data(clips, PARAMS) if f.kind == "contradiction"]
    assert finding.name == "turned"
    assert finding.what == "spoof, but the same samples are bonafide as first (train)"


def trials(*counts: tuple[int, str | None, str | None]) -> list[Trial]:
    """(how many, attack, speaker)."""
    return [
        Trial(f"{attack}-{speaker}-{n}", Path("x"), attack, Partition.TRAIN, speaker_id=speaker)
        for count, attack, speaker in counts
        for n in range(count)
    ]


def balance(kind: str, *counts: tuple[int, str | None, str | None]) -> list[tuple[str, str]]:
    look = BALANCE_CHECKS[kind]
    return [(name, what) for name, _, what in look(trials(*counts))]


def test_a_class_that_is_nearly_absent_is_told_of() -> None:
    assert balance("minority", (5, None, "a"), (95, "A1", "b")) == []
    findings = balance("minority", (4, None, "a"), (96, "A1", "b"))
    assert findings == [("bonafide", "4 of 100 trials, 0.05 of them or more expected")]
    assert [name for name, _ in balance("minority", (9, None, "a"))] == ["spoof"]


def test_one_voice_for_a_class_is_told_of_and_voices_without_names_are_not() -> None:
    findings = balance("lone_speaker", (9, None, "anna"), (5, "A1", "b"), (5, "A1", "c"))
    assert findings == [("bonafide", "all of it is spoken by anna, several speakers expected")]
    assert balance("lone_speaker", (9, None, None), (9, "A1", None)) == []


def test_a_voice_that_is_most_of_a_class_is_told_of() -> None:
    assert balance("speaker_share", (5, None, "a"), (5, None, "b")) == []
    findings = balance("speaker_share", (7, None, "a"), (3, None, "b"))
    assert findings == [("a", "0.7 of the bonafide trials, 0.5 or less expected")]


def test_an_attack_with_a_handful_of_trials_is_told_of() -> None:
    findings = balance("few_trials", (10, "A1", "a"), (9, "A2", "b"), (50, None, "c"))
    assert findings == [("A2", "9 trials, 10 or more expected")]


def test_partitions_are_looked_at_one_by_one() -> None:
    hum = clip_of(np.sin(np.arange(16_000) * 0.05))
    clips = [
        replace(hum, trial=replace(trial, partition=partition))
        for partition in (Partition.TRAIN, Partition.EVAL)
        for trial in trials((6, "A1", "a"))
    ]
    few = [finding for finding in check_data(clips, PARAMS) if finding.kind == "few_trials"]
    assert [(finding.partition, finding.value) for finding in few] == [("train", 6), ("eval", 6)]


def test_the_summary_counts_findings_and_spreads_quantities_by_class() -> None:
    clips = [clip_of(np.sin(np.arange(n) * 0.05), f"u{n}") for n in (1_600, 16_000, 32_000)]
    summary = summarise(clips, check_data(clips, PARAMS), PARAMS)
    assert summary["findings"]["duration"] == {"count": 1, "does": "report"}
    spread = summary["quantities"]["duration"]
    assert spread["bonafide"]["lowest"] == pytest.approx(0.1)
    assert spread["bonafide"]["median"] == 1.0
    assert spread["spoof"] is None


def test_every_finding_can_stop_or_be_reported() -> None:
    kinds = {*CLIP_CHECKS, *BALANCE_CHECKS, "contradiction", "shortcut"}
    assert {kind for kind in kinds if does(kind, PARAMS) == "stop"} == {"contradiction"}
    for verb in ("stop", "report"):
        findings = dict.fromkeys(kinds, verb)
        params = params_from_mapping({"data_checks": {"findings": findings}}).data_checks
        assert {does(kind, params) for kind in kinds} == {verb}
        assert does("unreadable", params) == "stop"


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ({"findings": {"snr": "drop"}}, "snr: one of stop, report expected, found 'drop'"),
        ({"findings": {"hum": "stop"}}, "no parameter named 'hum'"),
        ({"shortest_s": 700}, "data_checks.shortest_s: 0 to 600 expected, found 700"),
    ],
)
def test_params_that_ask_for_something_else_are_refused_by_name(
    section: dict[str, object], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        params_from_mapping({"data_checks": section})


def test_findings_come_kind_by_kind() -> None:
    short, dull = np.sin(np.arange(1_600) * 0.05), np.sin(np.arange(16_000) * 0.05)
    findings = check_data([clip_of(dull, "a"), clip_of(short, "b"), clip_of(short, "c")], PARAMS)
    durations = [f for f in findings if f.kind == "duration"]
    assert durations == [
        DataFinding("duration", "train", name, 0.1, "duration of 0.1 s, 0.5 s or more expected")
        for name in ("b", "c")
    ]
