"""`antiphon calibrate-drift`: a corpus and a detector in, a table of rates out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flows.candidate.detector_folders import open_exported
from flows.lab.drift_rates.changes import CHANGES, missing
from flows.lab.drift_rates.preset import preset_alarms
from flows.lab.drift_rates.rates import Rates, Scenario, Trials, rates_of
from flows.lab.drift_rates.scored import scored
from models.compute.progress import progress_bar
from models.data.lessons import attacks_of, read_lessons
from models.errors import InputError
from models.files.manifest import GRAPH, read_manifest
from models.params.drift import DriftParams
from models.trials import Partition, Trial

if TYPE_CHECKING:
    from pandas import DataFrame

FEWEST_TRIALS = 20  # of an attack that the detector has not trained on
FEWEST_STABLE = 100
CHANGED_TRIALS = 200  # at most, that are sent through each change


@dataclass(frozen=True)
class Selection:
    """The trials of a corpus that a detector has not trained on, by their use."""

    stable: tuple[Trial, ...]  # bona fide, and attacks that it has learnt
    attacks: dict[str, tuple[Trial, ...]]
    learnt: frozenset[str]

    @classmethod
    def of(cls, trials: Sequence[Trial], folder: Path) -> Selection:
        """Without a list of what the detector has learnt, the train partition is left out."""
        lessons = read_lessons(folder)
        # a data set puts the name of a corpus in front of the ids of its trials
        names = [utterance_id for utterance_id, _ in lessons]
        ids = {*names, *(name.partition("/")[2] for name in names)}
        unseen = [
            trial
            for trial in trials
            if trial.utterance_id not in ids and (ids or trial.partition is not Partition.TRAIN)
        ]
        learnt = attacks_of(lessons) or frozenset(
            trial.attack_id for trial in trials
            if trial.attack_id and trial.partition is Partition.TRAIN
        )  # fmt: skip
        kinds = sorted({trial.attack_id for trial in unseen if trial.attack_id})
        attacks = {a: tuple(t for t in unseen if t.attack_id == a) for a in kinds}
        stable = tuple(t for t in unseen if t.attack_id is None or t.attack_id in learnt)
        if len(stable) < FEWEST_STABLE:
            raise InputError(
                f"{FEWEST_STABLE} trials that {folder} has not trained on expected, found "
                f"{len(stable)}"
            )
        return cls(stable, {a: t for a, t in attacks.items() if len(t) >= FEWEST_TRIALS}, learnt)


def calibrate_drift(
    folder: Path,
    corpus: Sequence[Trial],
    params: DriftParams,
    out: Path,
    trials: Trials,
    changes: Sequence[str] = tuple(CHANGES),
) -> dict[str, Any]:
    """Score what is not scored yet, simulate, and return the document of `--json`."""
    import pandas as pd

    selection = Selection.of(corpus, folder)
    exported = open_exported(folder)
    kept = out / read_manifest(folder).files[GRAPH][:12]  # another detector has other scores
    new = [t for a, ts in selection.attacks.items() if a not in selection.learnt for t in ts]
    tables = [scored(exported, [*selection.stable, *new], kept)]
    stable = np.arange(len(selection.stable))
    scenarios = [Scenario("stable traffic", "stable", None, stable)]
    attacks = tables[0]["attack_id"].to_numpy()
    for name in selection.attacks:
        rows = np.flatnonzero(attacks == name)
        scenarios.append(Scenario(name, "attack", name in selection.learnt, rows))
    for name in changes:
        if missing(name):
            continue
        start = sum(len(table) for table in tables)
        tables.append(scored(exported, _sample(selection.stable), kept, name))
        rows = np.arange(start, start + len(tables[-1]))
        scenarios.append(Scenario(name, "channel", None, rows))
    table = pd.concat(tables, ignore_index=True)
    threshold = exported.calibration.threshold if exported.calibration else None
    with progress_bar(trials.splits, "simulate traffic", True) as bar:
        preset = preset_alarms if trials.preset else None
        results = rates_of(table, stable, scenarios, params, threshold, trials, preset, bar.update)
    return _document(folder, params, trials, table, len(stable), results)


def _sample(trials: Sequence[Trial]) -> list[Trial]:
    order = np.random.default_rng(0).permutation(len(trials))[:CHANGED_TRIALS]
    return [trials[index] for index in sorted(order.tolist())]


def _document(
    folder: Path,
    params: DriftParams,
    trials: Trials,
    table: DataFrame,
    stable: int,
    results: Sequence[Rates],
) -> dict[str, Any]:
    return {
        "detector": read_manifest(folder).detector,
        "false_alarm_rate": params.false_alarm_rate,
        "window": params.window,
        "windows": params.windows,
        "stable_trials": stable,
        "callers": int(table["speaker_id"].iloc[:stable].nunique()),
        "splits": trials.splits,
        "share": trials.share,
        "rows": [result.to_json() for result in results],
    }
