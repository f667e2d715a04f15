"""Whether data is fit to learn from: in `prepare`, and of a corpus by `antiphon check-data`."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from models.audio.clip_measures import Sound, listen
from models.audio.decoding import header_rate
from models.audio.reading import read_audio
from models.compute.cores import decoding_processes
from models.compute.progress import progress_bar
from models.compute.workers import in_order
from models.data.checks import Clip, DataFinding, check_data, does, summarise
from models.data.clips import Clips, open_clips, to_int16
from models.data.dataset import read_corpus
from models.data.protocols.skipped import skipped_sentence
from models.errors import InputError
from models.evaluation.shortcuts import shortcut_findings, shortcuts
from models.files.whole_files import write_json, write_rows
from models.params.data_checks import DataCheckParams
from models.params.tree import Params
from models.trials import Partition, Trial

TABLE = "data_checks.csv"  # a line for each finding
SUMMARY = "data_checks.json"  # counts, and quantiles of what was measured
FIRST_SKIPPED = 20  # of the skipped files that the summary names
MISSING, UNREADABLE = "missing", "unreadable"  # of these files nothing can be learnt

Decoded = tuple[Sound | None, int | None, str]  # sound, rate of the file, what is wrong with it
Task = TypeVar("Task")
Answer = TypeVar("Answer")

log = logging.getLogger("antiphon.stages")


@dataclass(frozen=True)
class CheckedData:
    """What was found, and what was measured."""

    findings: tuple[DataFinding, ...]
    summary: Mapping[str, Any]
    params: DataCheckParams
    skipped: tuple[str, ...] = ()  # files of the corpus that are no trial's

    @property
    def fatal(self) -> tuple[DataFinding, ...]:
        """The findings that stop a cycle."""
        return tuple(
            finding for finding in self.findings if does(finding.kind, self.params) == "stop"
        )

    def write(self, folder: Path) -> None:
        """Both files, whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = [{**asdict(f), "does": does(f.kind, self.params)} for f in self.findings]
        columns = (*DataFinding.__dataclass_fields__, "does")
        write_rows(folder / TABLE, rows or [dict.fromkeys(columns, "")])
        write_json(folder / SUMMARY, self.summary)


def check_prepared(folder: Path, rates: Mapping[str, int], params: DataCheckParams) -> None:
    """Look at the packed clips of all partitions, write down what is found, and tell of it.

    `rates` holds the sample rates, in Hz, of the files that clips came in, by utterance. Raises
    InputError, naming the first, where params say that a finding stops.
    """
    clips: list[Clip] = []
    for name in Partition:
        packed = open_clips(folder, str(name))
        for trial, sound in zip(packed.trials, _listen(packed, str(name)), strict=True):
            clips.append(Clip(trial, sound, rates.get(trial.utterance_id)))
    findings, summary = _looked_at(clips, params)
    checked = CheckedData(tuple(findings), summary, params)
    checked.write(folder)
    for line in told(checked):
        log.warning("%s; see %s", line, TABLE)
    _stop(checked)


def check_corpus(protocol: str, root: Path, params: Params) -> CheckedData:
    """The same for a corpus as it lies there, with all files that are missing or unreadable.

    Raises InputError where its protocol cannot be read, or no file is there.
    """
    missing: list[Trial] = []
    read = read_corpus(protocol, root, params.data, allow_missing=True, on_missing=missing.extend)
    findings = [_file(MISSING, trial, "no such file") for trial in missing]
    clips: list[Clip] = []
    for trial, (sound, rate, complaint) in zip(read.trials, _hear(read.trials), strict=True):
        if sound is None:
            findings.append(_file(UNREADABLE, trial, complaint))
        else:
            clips.append(Clip(trial, sound, rate))
    findings, summary = _looked_at(clips, params.data_checks, findings)
    summary["skipped"] = {"files": len(read.skipped), "first": list(read.skipped[:FIRST_SKIPPED])}
    return CheckedData(tuple(findings), summary, params.data_checks, read.skipped)


def refuse_unreadable(trials: Sequence[Trial], params: DataCheckParams, folder: Path) -> None:
    """Raise InputError with the number of files that cannot be read, if any, and write them down.

    It decodes every file: for when packing has failed at the first.
    """
    findings = [
        _file(UNREADABLE, trial, complaint)
        for trial, (_, _, complaint) in zip(trials, _hear(trials), strict=True)
        if complaint
    ]
    if findings:
        checked = CheckedData(tuple(findings), summarise([], findings, params), params)
        checked.write(folder)
        _stop(checked)


def file_rates(trials: Sequence[Trial]) -> dict[str, int]:
    """The sample rate in Hz, by utterance, of each file whose header says one."""
    rates = ((trial.utterance_id, header_rate(trial.path)) for trial in trials)
    return {name: rate for name, rate in rates if rate is not None}


def told(checked: CheckedData) -> list[str]:
    """A line for each kind of finding."""
    counts = Counter(finding.kind for finding in checked.findings)
    first = {finding.kind: finding for finding in reversed(checked.findings)}
    lines = [f"{kind}: {counts[kind]:,} found, first {_sentence(first[kind])}" for kind in counts]
    return [*lines, skipped_sentence(checked.skipped)] if checked.skipped else lines


def _looked_at(
    clips: Sequence[Clip], params: DataCheckParams, failures: Sequence[DataFinding] = ()
) -> tuple[list[DataFinding], dict[str, Any]]:
    """Failures and everything found in clips, and the summary of both."""
    columns = shortcuts(clips)
    findings = [*failures, *check_data(clips, params), *shortcut_findings(columns)]
    summary = summarise(clips, findings, params)
    summary["shortcuts"] = [asdict(column) for column in columns]
    return findings, summary


def _stop(checked: CheckedData) -> None:
    if not checked.fatal:
        return
    first = checked.fatal[0]
    count = sum(finding.kind == first.kind for finding in checked.fatal)
    remedy = (
        f"; `data_checks.findings.{first.kind}: report` lets it pass"
        if first.kind not in (MISSING, UNREADABLE)
        else ""
    )
    raise InputError(
        f"data: {_sentence(first)} ({first.kind}, {count:,} in all, see {TABLE}){remedy}"
    )


def _sentence(finding: DataFinding) -> str:
    where = f"{finding.partition}: " if finding.partition else ""
    return f"{where}{finding.name}: {finding.what}"


def _file(kind: str, trial: Trial, complaint: str) -> DataFinding:
    return DataFinding(kind, str(trial.partition or ""), trial.utterance_id, None, complaint)


def _listen(clips: Clips, name: str) -> list[Sound]:
    return _in_order(partial(_listen_to, clips), range(len(clips)), f"check {name}")


def _listen_to(clips: Clips, row: int) -> Sound:
    start = int(clips.offsets[row])
    return listen(clips.samples[start : start + int(clips.lengths[row])])


def _hear(trials: Sequence[Trial]) -> list[Decoded]:
    return _in_order(_hear_file, trials, "listen")


def _hear_file(trial: Trial) -> Decoded:
    try:
        waveform = to_int16(read_audio(trial.path), trial.utterance_id)
    except InputError as error:
        return None, None, str(error)
    return listen(waveform), header_rate(trial.path), ""


def _in_order(work: Callable[[Task], Answer], tasks: Sequence[Task], what: str) -> list[Answer]:
    """The answers to all tasks, from several processes where that is sooner, with a bar."""
    answers: list[Answer] = []
    with (
        progress_bar(len(tasks), what, True) as bar,
        closing(in_order(work, tasks, decoding_processes(len(tasks)))) as coming,
    ):
        for answer in coming:
            answers.append(answer)
            bar.update()
    return answers
