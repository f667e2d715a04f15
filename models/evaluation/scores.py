"""The cm_scores of a list of trials, and the files they come in.

LA_E_2834763 A11 spoof -8.750496864318848           the field's four columns
LA_E_2834763 -8.750496864318848                     two columns, with a key file beside
utterance_id,label,attack_id,cm_score[,speaker_id]  CSV, TSV or Parquet with a header
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.data.keys import Keys, keys_of, match_keys, read_keys, utterance_ids_of
from models.errors import InputError
from models.files.columns import Columns, read_columns
from models.files.whole_files import write_bytes
from models.trials import Label, trials_hash

_LAYOUTS: Mapping[int, Sequence[str]] = {
    2: ("utterance_id", "cm_score"),
    4: ("utterance_id", "attack_id", "label", "cm_score"),
}


@dataclass(frozen=True, eq=False)
class Scores:
    """One cm_score (higher = more bona fide) for each trial of a list, with its key.

    Raises InputError where an utterance is there twice or a score is not a finite number.
    """

    utterance_ids: tuple[str, ...]
    attack_ids: tuple[str | None, ...]  # None: bona fide
    cm_scores: NDArray[np.float64]  # (trials,)
    clusters: tuple[str, ...]  # what trials share with others: speaker, else source, else nothing
    notes: tuple[str, ...] = ()  # what a reader of figures made from them should know

    def __post_init__(self) -> None:
        object.__setattr__(self, "cm_scores", np.asarray(self.cm_scores, dtype=np.float64))
        sizes = {len(self.utterance_ids), len(self.attack_ids), len(self.clusters)}
        if sizes != {self.cm_scores.size} or self.cm_scores.ndim != 1:
            raise ValueError(
                f"columns of one length expected, found {sizes} and cm_scores "
                f"of shape {self.cm_scores.shape}"
            )
        if len(set(self.utterance_ids)) < len(self.utterance_ids):
            raise InputError("scores: an utterance is there twice")
        bad = np.flatnonzero(~np.isfinite(self.cm_scores))
        if bad.size:
            name, value = self.utterance_ids[bad[0]], self.cm_scores[bad[0]]
            raise InputError(f"scores: a finite cm_score expected, found {value} for {name}")

    @cached_property
    def is_bonafide(self) -> NDArray[np.bool_]:
        """Which trials (trials,) are bona fide."""
        return np.array([attack is None for attack in self.attack_ids], dtype=np.bool_)

    @cached_property
    def bonafide(self) -> NDArray[np.float64]:
        """The cm_scores of bona fide trials, in trial order."""
        return self.cm_scores[self.is_bonafide]

    @cached_property
    def spoof(self) -> NDArray[np.float64]:
        """The cm_scores of spoofs, in trial order."""
        return self.cm_scores[~self.is_bonafide]

    def by_attack(self) -> dict[str, NDArray[np.float64]]:
        """The cm_scores of each attack's spoofs, attacks in alphabetical order."""
        return {attack: self.cm_scores[rows] for attack, rows in self.attack_rows().items()}

    def attack_rows(self) -> dict[str, NDArray[np.int64]]:
        """The rows of each attack's spoofs, attacks in alphabetical order."""
        rows: dict[str, list[int]] = {}
        for row, attack in enumerate(self.attack_ids):
            if attack is not None:
                rows.setdefault(attack, []).append(row)
        return {attack: np.array(rows[attack], dtype=np.int64) for attack in sorted(rows)}

    def take(self, rows: NDArray[np.int64]) -> Scores:
        """Those of the trials at `rows`, in that order."""
        return Scores(
            tuple(self.utterance_ids[row] for row in rows),
            tuple(self.attack_ids[row] for row in rows),
            self.cm_scores[rows],
            tuple(self.clusters[row] for row in rows),
            self.notes,
        )

    @property
    def keys(self) -> tuple[tuple[str, str | None], ...]:
        """(utterance_id, attack_id) of each trial."""
        return tuple(zip(self.utterance_ids, self.attack_ids, strict=True))

    @cached_property
    def trials_hash(self) -> str:
        """What two lists of scores must share to be compared, whatever their order."""
        return trials_hash(self.keys)

    def require_both_classes(self, origin: str = "scores") -> None:
        """Raise InputError where there is no bona fide trial, or no spoof."""
        for label, of_class in ((Label.BONAFIDE, self.bonafide), (Label.SPOOF, self.spoof)):
            if not of_class.size:
                raise InputError(
                    f"{origin}: trials of both classes expected, none of the "
                    f"{len(self.utterance_ids):,} is {label}"
                )


def read_scores(path: Path, keys: Path | None = None) -> Scores:
    """Read a score file, with the key file beside it where the scores have no keys or speakers.

    Utterance ids match with and without the ending of an audio file. Where the key file has
    partitions, only eval is kept if any of it is scored, else the partitions that are scored.
    Raises InputError naming file and line, or how many trials of which file have no partner.
    """
    table = read_columns(path)
    columns = table.name(_LAYOUTS)
    cm_scores = _cm_scores(table, columns)
    own = keys_of(table, _LAYOUTS) if {"label", "attack_id"} & columns.keys() else None
    if keys is not None:
        utterance_ids = own.utterance_ids if own else utterance_ids_of(table, columns)
        match = match_keys(path, utterance_ids, read_keys(keys), own)
        scores = _scores(match.keys, cm_scores[match.rows], match.notes)
    elif own is not None:
        scores = _scores(own, cm_scores)
    else:
        raise InputError(f"{path}: scores without labels; a key file is expected beside it")
    scores.require_both_classes(str(path))
    return scores


def write_scores(path: Path, scores: Scores) -> None:
    """Write a CSV (`.gz`: gzipped) that `read_scores` gives back, whole or not at all."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("utterance_id", "label", "attack_id", "cm_score", "cluster"))
    labels = np.where(scores.is_bonafide, Label.BONAFIDE, Label.SPOOF).tolist()
    attacks = (attack or "" for attack in scores.attack_ids)
    rows = (scores.utterance_ids, labels, attacks, scores.cm_scores.tolist(), scores.clusters)
    writer.writerows(zip(*rows, strict=True))
    data = text.getvalue().encode()
    write_bytes(path, gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def _cm_scores(table: Columns, columns: Mapping[str, list[str]]) -> NDArray[np.float64]:
    if "cm_score" not in columns:
        raise InputError(f"{table.path}: a column cm_score expected, found {', '.join(columns)}")
    return table.numbers(columns["cm_score"], "cm_score")


def _scores(keys: Keys, cm_scores: NDArray[np.float64], notes: tuple[str, ...] = ()) -> Scores:
    ids, attacks, clusters = keys.utterance_ids, keys.attack_ids, keys.clusters
    return Scores(tuple(ids), tuple(attacks), cm_scores, tuple(clusters), notes)
