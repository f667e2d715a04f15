"""Claim: what lowers the EER on the eval partition need not help on what was never met.

    python -m benchmarks.generalisation ../shared/corpus --out runs.jsonl
        [--start official --weights ../shared/weights/AASIST.pth] [--recipes "naive,all,+ room"]
        [--seeds 1,2,3] [--minutes M] [--table]

One line a recipe: EER on the eval partition, leave-one-attack-out EER (three groups of three
attacks), leave-one-source-out EER (two groups of bona fide sources), each the mean over folds,
with Student-t's 95 % interval over seeds, and the difference to `naive` with the same seeds. A
recipe is a part of params.yaml (`benchmarks/generalisation_recipes.py`): every ingredient alone,
all together, each taken away from all. `official` is AASIST as published, without training.

Every finished training is a line of OUT; what is there is not done again, so it may be killed, and
several processes may share OUT if their recipes differ. `--table` prints what is finished. A copy
of held-out speech by the same vocoder as a held-out attack is not learnt from. Figures are of the
first second (from official weights: 1.5 s) of each trial; every second trial of dev is looked at.
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

from benchmarks.generalisation_corpus import Corpus
from benchmarks.generalisation_recipes import (
    NARROW,
    NARROW_RECIPES,
    OFFICIAL,
    OFFICIAL_RECIPES,
    UNTRAINED,
    document_of,
)
from benchmarks.generalisation_table import PLANS, read_lines, table
from models.checkpoint import import_weights, load_detector
from models.cross_validation import judge_fold
from models.detectors import Detector, build_detector
from models.folds import Fold
from models.metrics.eer import eer
from models.params import Params, params_from_mapping
from models.scores import Scores
from models.scoring import score_clips


@dataclass(frozen=True)
class Run:
    """One training: what it is, and where in the table its EER goes."""

    start: str
    recipe: str
    plan: str
    fold: Fold
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
        about = [self.start, self.recipe, self.plan, self.fold.name, self.seed, self.document]
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def plan_runs(asked: argparse.Namespace, corpus: Corpus) -> Iterator[Run]:
    """Seed after seed, so that a table is whole as early as can be."""
    base, recipes = (NARROW, NARROW_RECIPES) if asked.start == "narrow" else (
        OFFICIAL, OFFICIAL_RECIPES,
    )  # fmt: skip
    folds = corpus.folds()
    for seed in asked.seeds:
        for recipe in asked.recipes or recipes:
            document = document_of(base, recipes[recipe])
            for plan in asked.plans:
                for fold in folds[plan]:
                    yield Run(asked.start, recipe, plan, fold, seed, document)


def work(run: Run, corpus: Corpus, weights: Path | None) -> Scores:
    """Train and score what is held out."""

    def start() -> Detector:
        if weights is not None:
            return load_detector(weights)
        return build_detector(run.params.detector.name, run.params.detector.options)

    fold = corpus.with_copies(run.fold, run.params.copy_synthesis)
    clips = corpus.clips
    lengths = clips.lengths.copy()
    lengths[fold.eval] = np.minimum(lengths[fold.eval], run.params.window.samples)
    return judge_fold(replace(clips, lengths=lengths), fold, run.params, start)


def untrained(corpus: Corpus, weights: Path) -> Iterator[dict[str, Any]]:
    """The lines of the official weights, which score each trial once."""
    params = params_from_mapping(document_of(OFFICIAL, ()))
    folds = corpus.folds()
    rows = np.unique(np.concatenate([f.eval for plan in folds.values() for f in plan]))
    clips = corpus.clips.take(rows).beginnings(params.window.samples)
    cm_scores = score_clips(load_detector(weights), clips, params.window).cm_scores
    for plan, each in folds.items():
        for fold in each:
            held = corpus.clips.take(fold.eval)
            chosen = cm_scores[np.searchsorted(rows, fold.eval)]
            scores = Scores(held.utterance_ids, held.attack_ids, chosen, held.clusters)
            yield line(UNTRAINED, UNTRAINED, plan, fold.name, 0, scores)


def line(
    start: str, recipe: str, plan: str, fold: str, seed: int, scores: Scores
) -> dict[str, Any]:
    """One finished run."""
    by_attack = {name: eer(scores.bonafide, each) for name, each in scores.by_attack().items()}
    rate = eer(scores.bonafide, scores.spoof)
    about = {"start": start, "recipe": recipe, "plan": plan, "fold": fold, "seed": seed}
    return {**about, "eer": rate, "by_attack": by_attack}


def append(path: Path, document: Mapping[str, Any]) -> None:
    """One write a line: several processes may append."""
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(document) + "\n")


def main(arguments: list[str]) -> None:
    """Do what is not done yet, then print the table."""
    asked = _asked(arguments)
    torch.set_num_threads(1)
    if not asked.table:
        _work_all(asked, Corpus.open(asked.corpus, asked.out.parent / "generalisation-clips"))
    for text in table(read_lines(asked.out), asked.start):
        sys.stdout.write(f"{text}\n")


def _work_all(asked: argparse.Namespace, corpus: Corpus) -> None:
    began = time.monotonic()
    weights = _official_folder(asked)
    if weights and not any(each["start"] == UNTRAINED for each in read_lines(asked.out)):
        for document in untrained(corpus, weights):
            append(asked.out, document)
    runs = list(plan_runs(asked, corpus))
    for number, run in enumerate(runs, 1):
        if any(each.get("key") == run.key for each in read_lines(asked.out)):
            continue
        if asked.minutes and time.monotonic() - began > 60 * asked.minutes:
            return
        at = time.process_time()
        scores = work(run, corpus, weights if run.start == "official" else None)
        document = line(run.start, run.recipe, run.plan, run.fold.name, run.seed, scores)
        seconds = round(time.process_time() - at, 1)
        append(asked.out, {**document, "seconds": seconds, "key": run.key})
        sys.stdout.write(
            f"{number} of {len(runs)}: {run.recipe}, {run.plan}, {run.fold.name}, seed {run.seed}: "
            f"EER {100 * document['eer']:.1f} % in {seconds} s of CPU\n"
        )
        sys.stdout.flush()


def _official_folder(asked: argparse.Namespace) -> Path | None:
    if asked.weights is None:
        return None
    folder = Path(asked.out.parent) / f"generalisation-{asked.weights.stem}"
    if not folder.is_dir():
        import_weights("aasist", asked.weights, folder)
    return folder


def _asked(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.generalisation")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="JSON lines of finished runs")
    parser.add_argument("--start", choices=("narrow", "official"), default="narrow")
    parser.add_argument("--weights", type=Path, help="AASIST.pth, for `official`")
    parser.add_argument("--recipes", type=lambda text: text.split(","), help="default: all")
    parser.add_argument("--plans", type=lambda text: text.split(","), default=PLANS)
    parser.add_argument("--seeds", type=lambda t: [int(n) for n in t.split(",")], default=[1, 2, 3])
    parser.add_argument("--minutes", type=float, help="begin no training after so many")
    parser.add_argument("--table", action="store_true", help="only print what is finished")
    asked = parser.parse_args(arguments)
    known = NARROW_RECIPES if asked.start == "narrow" else OFFICIAL_RECIPES
    for recipe in asked.recipes or ():
        if recipe not in known:
            parser.error(f"no recipe named {recipe!r}; known: {', '.join(known)}")
    if asked.start == "official" and asked.weights is None:
        parser.error("--start official goes on from --weights: name the file")
    return asked


if __name__ == "__main__":
    main(sys.argv[1:])
