"""A dataset: all corpora under one folder as one protocol, with partitions that do not leak."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from models.data.protocols.reading import read_protocol
from models.errors import InputError
from models.params.data import DataParams
from models.trials import Label, Partition, Protocol, Trial

DEFAULT_PROTOCOL = "antiphon"
FIELD = "field"  # the corpus of reviewed field samples
SENTINEL = "sentinel"  # packed beside the partitions, where there are sentinel corpora


def read_dataset(folder: Path, params: DataParams, sentinel: Collection[str] = ()) -> Protocol:
    """Read the corpora under `folder`, without sentinels, and join them.

    Raises InputError where there are none, or none for a name in params; of several that cannot be
    used, all are told of.
    """
    names = _folders(folder)
    for key, wanted in (("data.corpora", params.corpora), ("evaluation_sets.sentinel", sentinel)):
        if absent := sorted(set(wanted) - set(names)):
            raise InputError(f"{folder}: no folder for {', '.join(absent)} of {key}")
    names = [name for name in names if name not in sentinel]
    if not names:
        raise InputError(
            f"{folder}: no corpus here; `antiphon corpus fetch demo` and `antiphon dataset` "
            "bring one"
        )
    corpora: dict[str, Protocol] = {}
    complaints: list[str] = []
    for name in names:
        try:
            corpora[name] = _read_named(folder, name, params)
        except InputError as error:
            complaints.append(str(error))
    if complaints:
        raise InputError("; ".join(complaints))
    return join_corpora(corpora)


def read_sentinel(folder: Path, names: Iterable[str], params: DataParams) -> tuple[Trial, ...]:
    """Every trial of the corpora `names`, in no partition; ids get their corpus as prefix.

    Raises InputError where they hold but one class.
    """
    trials = tuple(
        replace(_prefixed(name, trial), partition=None)
        for name in names
        for trial in _read_named(folder, name, params).trials
    )
    for label in Label:
        if not any(trial.label is label for trial in trials):
            raise InputError(
                f"evaluation_sets.sentinel: trials of both classes expected, none of the "
                f"{len(trials)} is {label}"
            )
    return trials


def corpus_of(utterance_id: str) -> str:
    """The corpus that a joined trial came from."""
    return utterance_id.partition("/")[0]


def read_corpus(
    protocol: str,
    root: Path,
    params: DataParams,
    *,
    allow_missing: bool = False,
    on_missing: Callable[[Sequence[Trial]], object] | None = None,
) -> Protocol:
    """Read one corpus; where it comes without partitions they are drawn as `params` say."""
    return read_protocol(
        protocol,
        root,
        partition_seed=params.partition_seed,
        train_share=params.train_share,
        dev_share=params.dev_share,
        allow_missing=allow_missing,
        on_missing=on_missing,
    )


def _read_named(folder: Path, name: str, params: DataParams) -> Protocol:
    return read_corpus(params.corpora.get(name, DEFAULT_PROTOCOL), folder / name, params)


def join_corpora(corpora: Mapping[str, Protocol]) -> Protocol:
    """One protocol of many: ids get their corpus as prefix, and no speaker changes sides.

    Field samples come later than the corpora whose speakers they may share: where earlier corpora
    have a speaker in one partition alone, a later one's utterances of that speaker go there too.
    Trials without a partition (ASVspoof 2021 publishes some that are not for eval) are left out.
    """
    sides: dict[str, set[Partition]] = {}
    trials: list[Trial] = []
    for name, protocol in corpora.items():
        parted = [trial for trial in protocol.trials if trial.partition is not None]
        joined = [_joined(name, trial, sides) for trial in parted]
        trials.extend(joined)
        for trial in joined:
            if trial.speaker_id and trial.partition:
                sides.setdefault(trial.speaker_id, set()).add(trial.partition)
    return Protocol("+".join(corpora), tuple(trials))


def _joined(corpus: str, trial: Trial, sides: Mapping[str, set[Partition]]) -> Trial:
    partitions = sides.get(trial.speaker_id or "", set())
    partition = next(iter(partitions)) if len(partitions) == 1 else trial.partition
    return replace(_prefixed(corpus, trial), partition=partition)


def _prefixed(corpus: str, trial: Trial) -> Trial:
    return replace(
        trial,
        utterance_id=f"{corpus}/{trial.utterance_id}",
        parent=f"{corpus}/{trial.parent}" if trial.parent else None,
    )


def count_classes(trials: Iterable[Trial]) -> dict[str, int]:
    """How many trials each attack has; bona fide ones are under `bonafide`."""
    counts: dict[str, int] = {}
    for trial in trials:
        key = trial.attack_id or "bonafide"
        counts[key] = counts.get(key, 0) + 1
    return dict(sorted(counts.items()))


def _folders(folder: Path) -> list[str]:
    """Corpora in the order of their names, with the reviewed field samples last."""
    if not folder.is_dir():
        return []
    names = [p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")]
    return sorted(names, key=lambda name: (name == FIELD, name))
