"""What utterances really are: the key and protocol files that come with corpora.

Told apart by their header, else by how many columns they have:

    LA_0039 LA_E_2834763 - A11 spoof                                     ASVspoof 2019
    - 0.wav - - - spoof                                                  In-the-Wild
    LA_0009 LA_E_9332881 alaw ita_tx A07 spoof notrim eval               ASVspoof 2021 LA (DF: 13)
    E_1607 E_0009538969 M C05 2 E_0009538969 AC1 A20 spoof -             ASVspoof 5
    utterance_id,label,attack_id[,speaker_id][,source][,partition]       antiphon, or any table
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.audio.suffixes import AUDIO_SUFFIXES
from models.errors import InputError
from models.files.columns import Columns, read_columns
from models.trials import UNKNOWN_ATTACK

_2021 = ("speaker_id", "utterance_id", "-", "-", "attack_id", "label", "-", "partition")
LAYOUTS: Mapping[int, Sequence[str]] = {
    2: ("utterance_id", "label"),
    5: ("speaker_id", "utterance_id", "-", "attack_id", "label"),
    6: _2021[:6],
    8: _2021,
    10: ("speaker_id", "utterance_id", "-", "-", "-", "-", "-", "attack_id", "label", "-"),
    13: (*_2021, "-", "-", "-", "-", "-"),
}
# Spellings of labels; True: bona fide.
_LABELS = {"bonafide": True, "bona-fide": True, "bona_fide": True, "spoof": False}
_NO_ATTACK = frozenset({"", "-", "A00", *_LABELS})  # A00: bona fide in published score files
_AUDIO_SUFFIXES = tuple(AUDIO_SUFFIXES)


@dataclass(frozen=True)
class Keys:
    """Columns of a key file, one entry a trial, in its order."""

    path: Path
    utterance_ids: Sequence[str]  # without the ending of an audio file
    attack_ids: Sequence[str | None]  # None: bona fide
    clusters: Sequence[str]  # speaker, else source, else the utterance itself
    partitions: Sequence[str] | None = None  # None: the file knows none


def read_keys(path: Path) -> Keys:
    """Read a key or protocol file; raises InputError naming file and line."""
    return keys_of(read_columns(path), LAYOUTS)


def keys_of(table: Columns, layouts: Mapping[int, Sequence[str]]) -> Keys:
    """The keys in a table; raises InputError naming file and line."""
    columns = table.name(layouts)
    utterance_ids = utterance_ids_of(table, columns)
    return Keys(
        table.path,
        utterance_ids,
        _attack_ids(table, columns),
        _clusters(columns, utterance_ids),
        columns.get("partition"),
    )


def utterance_ids_of(table: Columns, columns: Mapping[str, list[str]]) -> list[str]:
    """Utterance ids without audio endings, each there once; raises InputError naming the line."""
    if "utterance_id" not in columns:
        raise InputError(
            f"{table.path}: a column utterance_id expected, found {', '.join(columns)}"
        )
    utterance_ids = _bare(columns["utterance_id"])
    if len(set(utterance_ids)) < len(utterance_ids):
        earlier: set[str] = set()
        for row, utterance_id in enumerate(utterance_ids):
            if utterance_id in earlier:
                table.refuse(row, f"utterance {utterance_id} is there twice")
            earlier.add(utterance_id)
    if "" in utterance_ids:
        table.refuse(utterance_ids.index(""), "an utterance_id expected, found none")
    return utterance_ids


def _bare(utterance_ids: list[str]) -> list[str]:
    """Ids without audio endings, or as they are where a.wav and a.flac are two trials."""
    bare = [
        name.rpartition(".")[0] if name.lower().endswith(_AUDIO_SUFFIXES) else name
        for name in utterance_ids
    ]
    return bare if len(set(bare)) == len(set(utterance_ids)) else utterance_ids


def _attack_ids(table: Columns, columns: Mapping[str, list[str]]) -> list[str | None]:
    attacks = columns.get("attack_id")
    labels = columns.get("label")
    if labels is None and attacks is None:
        raise InputError(f"{table.path}: a column label expected, found {', '.join(columns)}")
    if labels is None:
        return [None if attack in _NO_ATTACK else attack for attack in attacks or ()]
    if unknown := set(labels) - _LABELS.keys():
        row = next(row for row, label in enumerate(labels) if label in unknown)
        table.refuse(row, f"label bonafide or spoof expected, found {labels[row]!r}")
    bonafide = [_LABELS[label] for label in labels]
    if attacks is None:
        return [None if real else UNKNOWN_ATTACK for real in bonafide]
    for row, (real, attack) in enumerate(zip(bonafide, attacks, strict=True)):
        if real and attack not in _NO_ATTACK:
            table.refuse(row, f"label bonafide contradicts attack {attack}")
    return [
        None if real else UNKNOWN_ATTACK if attack in _NO_ATTACK else attack
        for real, attack in zip(bonafide, attacks, strict=True)
    ]


def _clusters(columns: Mapping[str, list[str]], utterance_ids: list[str]) -> list[str]:
    clusters = utterance_ids
    for name in ("source", "speaker_id", "cluster"):  # the later, the better
        if name in columns:
            clusters = [
                value if value not in ("", "-") else other
                for value, other in zip(columns[name], clusters, strict=True)
            ]
    return clusters


@dataclass(frozen=True)
class Match:
    """Scored utterances that have a key, in the order of the score file."""

    rows: NDArray[np.int64]  # of the score file
    keys: Keys  # of these rows
    notes: tuple[str, ...]


def match_keys(
    origin: Path, utterance_ids: Sequence[str], keys: Keys, own: Keys | None = None
) -> Match:
    """Find the keys of scored utterances; `own` are the keys the score file itself has.

    Raises InputError where utterances are missing on either side, or the two keys contradict.
    """
    position = {utterance_id: row for row, utterance_id in enumerate(keys.utterance_ids)}
    key_rows = np.array([position.get(name, -1) for name in utterance_ids], dtype=np.int64)
    judged, notes = _judged(keys, key_rows)
    missing = np.flatnonzero(judged & ~np.isin(np.arange(judged.size), key_rows))
    _refuse_partial(origin, utterance_ids, keys, key_rows, missing)
    rows = np.flatnonzero(judged[key_rows])
    chosen = key_rows[rows]
    names = [utterance_ids[int(row)] for row in rows]
    attacks = [keys.attack_ids[row] for row in chosen]
    if own is not None:
        attacks = _agreed(origin, names, attacks, [own.attack_ids[int(row)] for row in rows])
    clusters = [keys.clusters[row] for row in chosen]
    return Match(rows, Keys(keys.path, names, attacks, clusters), notes)


def _judged(keys: Keys, key_rows: NDArray[np.int64]) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """Which trials of the key file (trials,) are judged: eval, where anything of it is scored."""
    if keys.partitions is None:
        return np.ones(len(keys.utterance_ids), dtype=np.bool_), ()
    partitions = np.array(keys.partitions)
    scored = partitions[key_rows[key_rows >= 0]]
    chosen = ["eval"] if "eval" in scored else np.unique(scored).tolist()
    judged = np.isin(partitions, chosen)
    others = np.count_nonzero(~np.isin(scored, chosen))
    if not others:
        return judged, ()
    return judged, (f"{others:,} scored trials of other partitions than eval are set aside",)


def _refuse_partial(
    origin: Path,
    utterance_ids: Sequence[str],
    keys: Keys,
    key_rows: NDArray[np.int64],
    missing: NDArray[np.int64],
) -> None:
    complaints = []
    if (unknown := np.flatnonzero(key_rows < 0)).size:
        complaints.append(
            f"{unknown.size:,} of {key_rows.size:,} scored utterances have no key in {keys.path} "
            f"(the first is {utterance_ids[unknown[0]]})"
        )
    if missing.size:
        complaints.append(
            f"{missing.size:,} trials of {keys.path} have no score "
            f"(the first is {keys.utterance_ids[missing[0]]})"
        )
    if complaints:
        raise InputError(f"{origin}: {' and '.join(complaints)}")


def _agreed(
    origin: Path,
    names: Sequence[str],
    by_key: Sequence[str | None],
    own: Sequence[str | None],
) -> list[str | None]:
    """Attack ids both sides agree on; the one that names the attack, where only one does."""
    for name, key_attack, own_attack in zip(names, by_key, own, strict=True):
        contradicts = key_attack != own_attack and (
            key_attack is None
            or own_attack is None
            or UNKNOWN_ATTACK not in (key_attack, own_attack)
        )
        if contradicts:
            raise InputError(
                f"{origin}: {name} is {own_attack or 'bonafide'}, but "
                f"{key_attack or 'bonafide'} by its key"
            )
    return [
        key_attack if own_attack == UNKNOWN_ATTACK else own_attack
        for key_attack, own_attack in zip(by_key, own, strict=True)
    ]
