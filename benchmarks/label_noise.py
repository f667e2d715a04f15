"""Claim: planted wrong labels are listed as often as cleanlab lists them, and ranked no worse.

    python -m benchmarks.label_noise scores SCORES          of a detector that learnt no trial
    python -m benchmarks.label_noise corpus CORPUS OUT      trained fold by fold with default params

5 % of all labels are turned round. Printed are the trials that are listed, precision and recall,
the share of wrong labels among the first 20, 50 and 100, and the estimated noise: by
models/evaluation/label_noise.py and, where it is installed (pip install "cleanlab==2.9.0"), by
cleanlab from the same probabilities. OUT may be used again: folds that are done are not trained.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from flows.lab.suspect_labels import LabelledCorpus, look_for_label_noise
from models.evaluation import label_noise
from models.evaluation.scores import Scores, read_scores
from models.params.tree import read_params

SHARE = 0.05
UNKNOWN = "unknown"  # attack of bona fide trials that are called spoofs


def main() -> None:
    """Plant wrong labels, look for them and print a line for each side."""
    parser = argparse.ArgumentParser(prog="benchmarks.label_noise")
    parser.add_argument("kind", choices=["scores", "corpus"])
    parser.add_argument("place", type=Path)
    parser.add_argument("out", type=Path, nargs="?")
    arguments = parser.parse_args()
    if arguments.kind == "scores":
        scores, wrong = flip_scores(read_scores(arguments.place))
        parts = [scores]
    else:
        parts, wrong = train_on_flipped(arguments.place, arguments.out)
    noise = label_noise.find_label_noise(parts)
    names = [suspect.utterance_id for suspect in noise.suspects]
    print_line("ours", names, wrong, noise.noise)
    print_cleanlab(parts, wrong)


def flip_scores(scores: Scores) -> tuple[Scores, set[str]]:
    """The scores with a share of labels turned round, and whose labels these are."""
    rows = np.flatnonzero(np.random.default_rng(0).random(scores.cm_scores.size) < SHARE)
    attacks = list(scores.attack_ids)
    for row in rows:
        attacks[row] = UNKNOWN if attacks[row] is None else None
    return replace(scores, attack_ids=tuple(attacks)), {scores.utterance_ids[row] for row in rows}


def train_on_flipped(corpus: Path, out: Path) -> tuple[list[Scores], set[str]]:
    """Scores of each fold of a copy of the corpus, and whose labels were turned round."""
    copy = out / "corpus"
    copy.mkdir(parents=True, exist_ok=True)
    for folder in (path for path in corpus.iterdir() if path.is_dir()):
        if not (copy / folder.name).exists():
            (copy / folder.name).symlink_to(folder.resolve())
    wrong = write_flipped(corpus / "protocol.csv", copy / "protocol.csv")
    params = read_params(Path("params.yaml"))
    look_for_label_noise(
        LabelledCorpus("antiphon", copy, out), params, lambda line: sys.stderr.write(f"{line}\n")
    )
    return [read_scores(path) for path in sorted(out.glob("runs/*/scores.csv"))], wrong


def write_flipped(protocol: Path, copy: Path) -> set[str]:
    """Write a protocol with a share of labels turned round; give whose labels these are."""
    with protocol.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    chosen = np.random.default_rng(0).random(len(rows)) < SHARE
    for row in (row for row, turned in zip(rows, chosen, strict=True) if turned):
        was_bonafide = row["label"] == "bonafide"
        row["label"] = "spoof" if was_bonafide else "bonafide"
        row["attack_id"] = UNKNOWN if was_bonafide else ""
    with copy.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return {row["utterance_id"] for row, turned in zip(rows, chosen, strict=True) if turned}


def print_cleanlab(parts: Sequence[Scores], wrong: set[str]) -> None:
    """The line of cleanlab, from the probabilities that ours are made of."""
    try:
        from cleanlab.count import estimate_joint
        from cleanlab.filter import find_label_issues
    except ImportError:
        sys.stdout.write("cleanlab is not installed\n")
        return
    trials = label_noise.scored_trials(parts)
    probabilities = trials.probabilities()
    rows = find_label_issues(
        trials.labels, probabilities, filter_by="confident_learning",
        return_indices_ranked_by="normalized_margin", n_jobs=1,
    )  # fmt: skip
    noise = 1 - float(np.trace(estimate_joint(trials.labels, probabilities)))
    print_line("cleanlab", [trials.names[row] for row in rows], wrong, noise)


def print_line(side: str, names: Sequence[str], wrong: set[str], noise: float) -> None:
    """What is listed, and how much of it is wrong."""
    hits = len(wrong.intersection(names))
    first = [100 * np.mean([name in wrong for name in names[:count]]) for count in (20, 50, 100)]
    sys.stdout.write(
        f"{side}: {len(names)} listed for {len(wrong)} wrong labels, precision "
        f"{100 * hits / len(names):.1f} %, recall {100 * hits / len(wrong):.1f} %, of the first "
        f"20, 50, 100: {first[0]:.0f}, {first[1]:.0f}, {first[2]:.0f} %, "
        f"noise {100 * noise:.3f} %\n"
    )


if __name__ == "__main__":
    main()
