"""Which trials the gate judges on: sets are rows of packed clips, so that no clip is scored twice.

`eval` is scored once and cut into `frozen` (all corpora but the field's) and `rolling` (the newest
of the field); sentinels, attacked clips and clips through channels are parts of their own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.data.clips import Clips
from models.data.dataset import FIELD, SENTINEL, corpus_of
from models.data.leakage import audio_hash
from models.evaluation.scores import Scores
from models.params.evaluation_sets import EvaluationSetsParams
from models.promotion import EvaluationSet
from models.promotion.channel_clips import missing_effects, through_channels
from models.trials import Trial

Rows = NDArray[np.int64]
# parts that judge, besides SENTINEL
EVAL, CHANNELS = "eval", "channels"
# clips attacked through a detector -> part
ATTACKED = {"candidate": "attacked-candidate", "champion": "attacked-champion"}


@dataclass(frozen=True)
class TrialSet:
    """One evaluation set as rows of parts; a trial's row in the set is its place in their order."""

    name: EvaluationSet
    rows: Mapping[str, Rows]  # part -> rows of its clips
    slices: Mapping[str, Rows] = field(default_factory=dict)  # name -> rows of the set
    # of the champion, where it is judged on other clips of the same trials
    champion_rows: Mapping[str, Rows] | None = None

    def __len__(self) -> int:
        """How many trials."""
        return sum(rows.size for rows in self.rows.values())

    def scores(self, detector: str, by_part: Mapping[str, Scores]) -> Scores:
        """Those of the set, from those of all clips of its parts, by "candidate" or "champion"."""
        rows_by_part = self.rows
        if detector == "champion" and self.champion_rows is not None:
            rows_by_part = self.champion_rows
        return join_scores([by_part[part].take(rows) for part, rows in rows_by_part.items()])

    def version(self, hashes: Mapping[str, Sequence[str]]) -> str:
        """SHA-256 over the trials and their audio, whatever their order; see `clip_hashes`."""
        parts = [*self.rows.items(), *(self.champion_rows or {}).items()]
        every = sorted(hashes[part][row] for part, rows in parts for row in rows)
        return hashlib.sha256("\n".join(every).encode()).hexdigest()

    def trials(self, hashes: Mapping[str, Sequence[str]]) -> NDArray[np.uint64]:
        """64 bits of the hash of each trial's audio, whatever the trial is called."""
        every = (hashes[part][row] for part, rows in self.rows.items() for row in rows)
        audio = (int(text.rpartition("\t")[2][:16], 16) for text in every)
        return np.fromiter(audio, dtype=np.uint64, count=len(self))


@dataclass(frozen=True)
class JudgingSets:
    """The clips that judge, which of them each set holds, and why others are not there."""

    parts: Mapping[str, Clips] = field(default_factory=dict)
    sets: Mapping[EvaluationSet, TrialSet] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)  # a set, or a part of it -> why


def join_sets(*several: JudgingSets) -> JudgingSets:
    """All of them as one."""
    return JudgingSets(
        {name: clips for sets in several for name, clips in sets.parts.items()},
        {name: rows for sets in several for name, rows in sets.sets.items()},
        {name: reason for sets in several for name, reason in sets.absent.items()},
    )


def clip_hashes(clips: Clips) -> tuple[str, ...]:
    """A hash of each trial and its audio: of utterance_id, attack_id and samples."""
    return tuple(
        f"{trial.utterance_id}\t{trial.attack_id or ''}\t{audio_hash(clips, row)}"
        for row, trial in enumerate(clips.trials)
    )


def version_of(clips: Clips) -> str:
    """The version of a set that is these clips and nothing else."""
    return hashlib.sha256("\n".join(sorted(clip_hashes(clips))).encode()).hexdigest()


def join_scores(parts: Sequence[Scores]) -> Scores:
    """One list of several."""
    return Scores(
        tuple(name for part in parts for name in part.utterance_ids),
        tuple(attack for part in parts for attack in part.attack_ids),
        np.concatenate([part.cm_scores for part in parts]),
        tuple(cluster for part in parts for cluster in part.clusters),
    )


def split_eval(clips: Clips, rolling_trials: int) -> tuple[Rows, Rows]:
    """Rows of `frozen` and of `rolling`: the newest field samples, the highest ids, come last."""
    of_field = [corpus_of(trial.utterance_id) == FIELD for trial in clips.trials]
    field_rows = sorted(np.flatnonzero(of_field), key=lambda row: _age(clips.trials[row]))
    newest = field_rows[max(len(field_rows) - rolling_trials, 0) :]
    frozen = np.flatnonzero(~np.array(of_field, dtype=bool))
    return frozen.astype(np.int64), np.array(newest, dtype=np.int64)


def _age(trial: Trial) -> tuple[int, str]:
    """The number in field/field-12, by which samples were flagged."""
    number = re.search(r"(\d+)$", trial.utterance_id)
    return (int(number.group()) if number else 0, trial.utterance_id)


def sets_of_eval(parts: Mapping[str, Clips], frozen: Rows, rolling: Rows) -> JudgingSets:
    """The sets that are clips as they are packed: `frozen` and `rolling` of eval, and sentinels."""
    sentinel = _all_rows(parts[SENTINEL]) if SENTINEL in parts else np.empty(0, np.int64)
    return join_sets(
        _of_rows(EvaluationSet.FROZEN, EVAL, frozen, "every eval trial is a field sample"),
        _of_rows(EvaluationSet.ROLLING, EVAL, rolling, "no field sample is in eval"),
        _of_rows(EvaluationSet.SENTINEL, SENTINEL, sentinel, "params name no sentinel corpus"),
        JudgingSets(absent=_forgotten_attacks(parts[EVAL], np.concatenate([frozen, rolling]))),
    )


def _all_rows(clips: Clips) -> Rows:
    return np.arange(len(clips), dtype=np.int64)


def _of_rows(name: EvaluationSet, part: str, rows: Rows, if_empty: str) -> JudgingSets:
    if not rows.size:
        return JudgingSets(absent={name: if_empty})
    return JudgingSets(sets={name: TrialSet(name, {part: rows})})


def _forgotten_attacks(clips: Clips, judged: Rows) -> dict[str, str]:
    """Attacks that only field samples have which are older than those of `rolling`."""
    attacks = clips.attack_ids
    forgotten = {attack for attack in attacks if attack} - {attacks[row] for row in judged}
    reason = "its field samples are older than the newest evaluation_sets.rolling_trials"
    return {f"attack {attack}": reason for attack in sorted(forgotten)}


def adversarial_sets(attacked: Mapping[str, Clips]) -> JudgingSets:
    """The same clips attacked through "candidate" and "champion": each on its own, each on both."""
    own, other = ({ATTACKED[name]: _all_rows(attacked[name])} for name in ("candidate", "champion"))
    sets = (
        TrialSet(EvaluationSet.ADVERSARIAL, own, champion_rows=other),
        TrialSet(EvaluationSet.TRANSFER, other, champion_rows=own),
    )
    parts = {ATTACKED[name]: clips for name, clips in attacked.items()}
    return JudgingSets(parts, {one.name: one for one in sets})


def bonafide_hard_set(
    clips: Clips, judged: Rows, settled: Rows, params: EvaluationSetsParams
) -> JudgingSets:
    """Bona fide speech of eval: all that judges in slices, some that does not change by channel."""
    name, hard = EvaluationSet.BONAFIDE_HARD, params.bonafide_hard
    if hard.trials == 0:
        return JudgingSets(absent={name: "evaluation_sets.bonafide_hard.trials is 0"})
    missing = missing_effects(hard).items()
    absent = {f"{name} through {effect}": reason for effect, reason in missing}
    channels = through_channels(clips, settled[clips.bonafide[settled]], hard, params.seed)
    trials = hard_bonafide(clips, judged, channels, hard.slices)
    if not len(trials):
        return JudgingSets(absent={**absent, name: "eval has no bona fide trial"})
    parts = {CHANNELS: channels} if CHANNELS in trials.rows else {}
    return JudgingSets(parts, {name: trials}, absent)


def hard_bonafide(
    clips: Clips, rows: Rows, channels: Clips | None, columns: Sequence[str]
) -> TrialSet:
    """Bona fide clips at `rows` in slices by columns of their trials, and `channels` by effect."""
    parts = {EVAL: rows[clips.bonafide[rows]]}
    slices = _slices([clips.trials[row] for row in parts[EVAL]], columns)
    if channels is not None and len(channels):
        start = parts[EVAL].size
        parts[CHANNELS] = np.arange(len(channels), dtype=np.int64)
        passed = _slices(channels.trials, ["codec"])
        slices |= {f"through={name.partition('=')[2]}": r + start for name, r in passed.items()}
    return TrialSet(EvaluationSet.BONAFIDE_HARD, parts, slices)


def _slices(trials: Sequence[Trial], columns: Sequence[str]) -> dict[str, Rows]:
    """`column=value` -> rows; trials without a value are in no slice of that column."""
    rows_of: dict[str, list[int]] = {}
    for column in columns:
        for row, trial in enumerate(trials):
            value = getattr(trial, column, None) or trial.extra.get(column)
            if value:
                rows_of.setdefault(f"{column}={value}", []).append(row)
    return {name: np.array(rows_of[name], dtype=np.int64) for name in sorted(rows_of)}
