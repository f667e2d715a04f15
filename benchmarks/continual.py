"""Claim: replay keeps old attacks in hand while new ones are learnt; regularisers alone do less.

    python -m benchmarks.continual ../shared/corpus [--quick] [--seed N] [--methods ewc] [--out F]

Attacks arrive in the four releases of the corpus (its column `release`):

    0  espeak_ng  festival_diphone  flite_cg      1  lpc_vocoder  world_copy
    2  festival_hts  svox_pico                    3  griffinlim_mel80  hibari

Bona fide speech of the train partition is there throughout. A narrow AASIST learns release 0 from
scratch; from these weights each method goes through the other three, one fine-tuning pass each.
`alone` sees the new release and nothing holds it, `joint` sees all releases so far. Dev picks no
epoch (there is one a release). Figures are from the first second of each trial of eval.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from models.audio.reading import read_audio
from models.data.clips import Clips
from models.data.protocols.reading import read_protocol
from models.detectors import Detector, build_detector
from models.evaluation.metrics.eer import eer
from models.params.continual import ContinualParams
from models.params.detector import DetectorParams
from models.params.training import TrainingParams
from models.params.tree import Params
from models.params.window import WindowParams
from models.training.continual.anchor import Anchor
from models.training.continual.continuation import Continuation, continue_from
from models.training.continual.forgetting import Eers, ForgettingMatrix
from models.training.continual.picture import draw_forgetting
from models.training.scoring import score_clips
from models.training.train import LearningRule, seed_everything, train
from models.trials import Partition

RELEASES = ("0", "1", "2", "3")
METHODS = ("alone", "ewc", "lwf", "rwm", "rawm", "replay", "replay-lwf", "joint")
BASE = TrainingParams(
    bonafide_weight=0.5, learning_rate=5e-3, final_learning_rate=1e-4, weight_decay=0.0,
    batch_size=16, epochs=8, steps_per_epoch=35, patience=8, crop_samples=16_000,
)  # fmt: skip
LATER = {"learning_rate": 1.5e-3, "epochs": 1, "steps_per_epoch": 60}
QUICK = {"epochs": 1, "steps_per_epoch": 4}
NARROW = {
    "sinc_filters": 24, "widths": [8, 8, 16, 16], "graph_dims": [16, 16],
    "attention_dropout": 0.0, "pool_dropout": 0.0, "branch_dropout": 0.0, "readout_dropout": 0.1,
}  # fmt: skip
PARAMS = Params(
    window=WindowParams(16_000, 16_000),
    detector=DetectorParams("aasist", NARROW),
    training=BASE,
    continual=ContinualParams(memory_clips=64),
    augmentation={"gain": 0.3},
)


class Experiment:
    """The corpus in memory, and how each method goes through its releases."""

    def __init__(self, root: Path, params: Params, quick: bool) -> None:
        self.params, self.quick = params, quick
        protocol = read_protocol("antiphon", root, partition_seed=1, train_share=0.6, dev_share=0.2)
        clips = {part: protocol.partition(part) for part in Partition}
        self.train, self.dev, self.eval = (
            Clips.from_arrays(trials, [read_audio(trial.path) for trial in trials])
            for trials in clips.values()
        )
        self.learnt = {
            trial.attack_id: RELEASES.index(trial.extra["release"])
            for trial in self.train.trials
            if trial.attack_id
        }

    def base(self) -> Detector:
        """A detector that has learnt release 0."""
        seed_everything(self.params.training.seed)
        detector = build_detector(self.params.detector.name, self.params.detector.options)
        self._train(detector, Continuation(until(self.train, self.learnt, 0), Anchor()), 0, {})
        return detector

    def run(self, method: str, base: Detector, first: Eers) -> ForgettingMatrix:
        """All releases by one method, from a detector whose EERs are `first`."""
        detector = copy.deepcopy(base)
        rows = [first]
        for stage in range(1, len(RELEASES)):
            clips = until(self.train, self.learnt, stage)
            self._train(detector, self._continue(method, detector, clips, stage), stage, LATER)
            rows.append(self.eers(detector))
        return ForgettingMatrix(
            tuple(f"release {release}" for release in RELEASES), tuple(rows), self.learnt
        )

    def eers(self, detector: Detector) -> Eers:
        """EER of each attack on eval."""
        clips = self.eval.take(range(0, len(self.eval), 8)) if self.quick else self.eval
        detector.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        window = self.params.window
        scores = score_clips(detector, clips.beginnings(window.samples), window)
        return {
            name: eer(scores.bonafide, attack_scores)
            for name, attack_scores in scores.by_attack().items()
        }

    def _continue(self, method: str, detector: Detector, clips: Clips, stage: int) -> Continuation:
        if method == "joint":
            return Continuation(clips, Anchor())
        old = until(clips, self.learnt, stage - 1)
        if method == "alone":
            new = [trial.attack_id is None or self.learnt[trial.attack_id] == stage
                   for trial in clips.trials]  # fmt: skip
            return Continuation(clips.take(np.flatnonzero(new)), Anchor())
        chosen = replace(self.params.continual, method=method)  # type: ignore[arg-type]
        lessons = frozenset(zip(old.utterance_ids, old.attack_ids, strict=True))
        return continue_from(detector, clips, lessons, replace(self.params, continual=chosen))

    def _train(
        self, detector: Detector, how: Continuation, stage: int, changes: dict[str, object]
    ) -> None:
        training = replace(self.params.training, **changes)  # type: ignore[arg-type]
        if self.quick:
            training = replace(training, **QUICK)  # type: ignore[arg-type]
        training = replace(training, seed=training.seed + stage)
        params = replace(self.params, training=training)
        dev = until(self.dev, self.learnt, stage)
        if training.epochs == 1:  # nothing to choose
            dev = dev.take([*np.flatnonzero(dev.bonafide)[:4], *np.flatnonzero(~dev.bonafide)[:4]])
        train(detector, how.clips, dev, params, rule=LearningRule(anchor=how.anchor))


def until(clips: Clips, learnt: dict[str, int], stage: int) -> Clips:
    """Bona fide clips, and the spoofs of releases up to `stage`."""
    known = [t.attack_id is None or learnt[t.attack_id] <= stage for t in clips.trials]
    return clips.take(np.flatnonzero(known))


def main(arguments: list[str]) -> None:
    """Print one line a method, and keep matrices and pictures where asked."""
    options = _asked(arguments)
    torch.set_num_threads(1)
    params = replace(PARAMS, training=replace(PARAMS.training, seed=options.seed))
    params = replace(params, continual=replace(params.continual, **json.loads(options.continual)))
    experiment = Experiment(options.corpus, params, options.quick)
    began = time.monotonic()
    base = experiment.base()
    first = experiment.eers(base)
    sys.stdout.write(f"release 0 learnt in {time.monotonic() - began:.0f} s\n")
    for method in options.methods.split(","):
        began = time.monotonic()
        matrix = experiment.run(method, base, first)
        _tell(method, matrix, time.monotonic() - began)
        if options.out:
            _keep(options.out, method, matrix)


def _asked(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.continual")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--continual", default="{}", help="other keys of the section, as JSON")
    parser.add_argument("--out", type=Path)
    return parser.parse_args(arguments)


def _tell(method: str, matrix: ForgettingMatrix, seconds: float) -> None:
    first = matrix.eers[0]
    figures = (
        matrix.mean_eer, matrix.average_forgetting, matrix.backward_transfer,
        matrix.forward_transfer(first),
    )  # fmt: skip
    newest = [matrix.eers[-1][a] for a, s in matrix.learnt.items() if s == len(RELEASES) - 1]
    names = ("mean EER", "forgetting", "backward", "forward")
    rates = "  ".join(f"{n} {100 * (v or 0):5.1f}" for n, v in zip(names, figures, strict=True))
    last = f"newest {100 * sum(newest) / len(newest):5.1f}"
    sys.stdout.write(f"{method:11} {rates}  {last}  ({seconds:.0f} s)\n")
    sys.stdout.flush()


def _keep(folder: Path, method: str, matrix: ForgettingMatrix) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{method}.json").write_text(json.dumps(matrix.to_json(), indent=2) + "\n")
    draw_forgetting(matrix, folder / f"{method}.png", f"{method}: EER (%) after each release")


if __name__ == "__main__":
    main(sys.argv[1:])
