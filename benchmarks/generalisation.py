"""Claim: what lowers the EER on the eval partition need not help on what was never met.

    python -m benchmarks.generalisation ../shared/corpus --out runs.jsonl
        [--start official --weights ../shared/weights/AASIST.pth] [--recipes "naive,all,+ room"]
        [--seeds 1,2,3] [--minutes M] [--table]

Three trainings a recipe and a seed, each without three attacks and without some bona fide sources.
Each fills three columns: `eval`, trials of the eval partition whose attack and source were heard;
`attacks`, spoofs of the three attacks against heard sources; `sources`, speech of those sources
against heard attacks. A cell is the mean over the trainings, with Student-t's 95 % interval over
seeds, and the difference to `naive` with the same seeds. A recipe is a part of params.yaml
(`benchmarks/generalisation_recipes.py`). `official` is AASIST as published, without training.

Every finished training is a line of OUT; what is there is not done again, so it may be killed, and
several processes may share OUT if their recipes differ. `--table` prints what is finished. A copy
of held-out speech by the same vocoder as a held-out attack is not learnt from. Figures are of the
first second of each trial; every second trial of dev is looked at.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.generalisation_corpus import Corpus, Round
from benchmarks.generalisation_recipes import (
    NARROW,
    NARROW_RECIPES,
    OFFICIAL,
    OFFICIAL_RECIPES,
    UNTRAINED,
    document_of,
)
from benchmarks.generalisation_table import read_lines, table
from flows.lab.fold import judge_fold
from models.data.folds import Rows
from models.detectors import Detector, build_detector
from models.evaluation.metrics.eer import eer
from models.packaging.checkpoint import import_weights, load_detector
from models.params.tree import Params, params_from_mapping
from models.training.scoring import score_clips


@dataclass(frozen=True)
class Run:
    """One training: what it is, and which line of the table it is a part of."""

    start: str
    recipe: str
    round: Round
    seed: int
    document: Mapping[str, Any]  # of params.yaml

    @property
    def params(self) -> Params:
        """Checked, with the seed."""
        params = params_from_mapping(self.document)
        return replace(params, training=replace(params.training, seed=self.seed))

    @property
    def key(self) -> str:
        """Tells finished runs apart, those of other params too."""
        about = [self.start, self.recipe, self.round.fold.name, self.seed, self.document]
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def plan_runs(options: argparse.Namespace, corpus: Corpus) -> Iterator[Run]:
    """Seed after seed, so that a table is whole as early as can be."""
    base, recipes = (NARROW, NARROW_RECIPES) if options.start == "narrow" else (
        OFFICIAL, OFFICIAL_RECIPES,
    )  # fmt: skip
    for seed in options.seeds:
        for recipe in options.recipes or recipes:
            document = document_of(base, recipes[recipe])
            for round_ in corpus.rounds():
                yield Run(options.start, recipe, round_, seed, document)


def work(run: Run, corpus: Corpus, weights: Path | None) -> dict[str, float]:
    """Train and score what is held out: an EER a column."""

    def start() -> Detector:
        if weights is not None:
            return load_detector(weights)
        return build_detector(run.params.detector.name, run.params.detector.options)

    fold = corpus.with_copies(run.round.fold, run.params.copy_synthesis)
    clips = corpus.clips
    lengths = clips.lengths.copy()
    lengths[fold.eval] = np.minimum(lengths[fold.eval], run.params.window.samples)
    scores = judge_fold(replace(clips, lengths=lengths), fold, run.params, start)
    return column_eers(run.round, scores.cm_scores, corpus)


def column_eers(round_: Round, cm_scores: NDArray[np.float64], corpus: Corpus) -> dict[str, float]:
    """The EER of each column from the scores of what a round judges."""

    def of_rows(rows: Rows) -> float:
        chosen = cm_scores[np.searchsorted(round_.fold.eval, rows)]
        spoof = np.array([corpus.trials[row].attack_id is not None for row in rows])
        return eer(chosen[~spoof], chosen[spoof])

    return {name: of_rows(rows) for name, rows in round_.columns.items()}


def untrained(corpus: Corpus, weights: Path) -> Iterator[dict[str, Any]]:
    """The lines of the official weights, which score each trial once."""
    params = params_from_mapping(document_of(OFFICIAL, ()))
    rounds = corpus.rounds()
    rows = np.unique(np.concatenate([round_.fold.eval for round_ in rounds]))
    clips = corpus.clips.take(rows).beginnings(params.window.samples)
    cm_scores = score_clips(load_detector(weights), clips, params.window).cm_scores
    for round_ in rounds:
        chosen = cm_scores[np.searchsorted(rows, round_.fold.eval)]
        about = {"start": UNTRAINED, "recipe": UNTRAINED, "round": round_.fold.name, "seed": 0}
        yield {**about, "eer": column_eers(round_, chosen, corpus)}


def append(path: Path, document: Mapping[str, Any]) -> None:
    """One write a line: several processes may append."""
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(document) + "\n")


def main(arguments: list[str]) -> None:
    """Do what is not done yet, then print the table."""
    options = _asked(arguments)
    torch.set_num_threads(1)
    if not options.table:
        _work_all(options, Corpus.open(options.corpus, options.out.parent / "generalisation-clips"))
    for text in table(read_lines(options.out), options.start):
        sys.stdout.write(f"{text}\n")


def _work_all(options: argparse.Namespace, corpus: Corpus) -> None:
    began = time.monotonic()
    weights = _official_folder(options)
    if weights and not any(line["start"] == UNTRAINED for line in read_lines(options.out)):
        for document in untrained(corpus, weights):
            append(options.out, document)
    runs = list(plan_runs(options, corpus))
    for number, run in enumerate(runs, 1):
        if any(line.get("key") == run.key for line in read_lines(options.out)):
            continue
        if options.minutes and time.monotonic() - began > 60 * options.minutes:
            return
        at = time.process_time()
        eers = work(run, corpus, weights if run.start == "official" else None)
        seconds = round(time.process_time() - at, 1)
        about = {"start": run.start, "recipe": run.recipe, "round": run.round.fold.name}
        document = {**about, "seed": run.seed, "eer": eers, "seconds": seconds, "key": run.key}
        append(options.out, document)
        figures = ", ".join(f"{name} {100 * rate:.1f} %" for name, rate in eers.items())
        sys.stdout.write(
            f"{number} of {len(runs)}: {run.recipe}, without {run.round.fold.name}, "
            f"seed {run.seed}: {figures}, {seconds} s of CPU\n"
        )
        sys.stdout.flush()


def _official_folder(options: argparse.Namespace) -> Path | None:
    if options.weights is None:
        return None
    folder = Path(options.out.parent) / f"generalisation-{options.weights.stem}"
    if not folder.is_dir():
        import_weights("aasist", options.weights, folder)
    return folder


def _asked(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generalisation")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="JSON lines of finished runs")
    parser.add_argument("--start", choices=("narrow", "official"), default="narrow")
    parser.add_argument("--weights", type=Path, help="AASIST.pth, for `official`")
    parser.add_argument("--recipes", type=lambda text: text.split(","), help="default: all")
    parser.add_argument("--seeds", type=lambda t: [int(n) for n in t.split(",")], default=[1, 2, 3])
    parser.add_argument("--minutes", type=float, help="begin no training after so many")
    parser.add_argument("--table", action="store_true", help="only print what is finished")
    options = parser.parse_args(arguments)
    known = NARROW_RECIPES if options.start == "narrow" else OFFICIAL_RECIPES
    for recipe in options.recipes or ():
        if recipe not in known:
            parser.error(f"no recipe named {recipe!r}; known: {', '.join(known)}")
    if options.start == "official" and options.weights is None:
        parser.error("--start official goes on from --weights: name the file")
    return options


if __name__ == "__main__":
    main(sys.argv[1:])
