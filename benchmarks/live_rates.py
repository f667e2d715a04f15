"""How many labels live error rates need: random audit samples, with and without predictions.

Published scores with their keys are replayed as traffic. Plain: the Wilson interval of the labelled
calls of a class, as `antiphon review audit` has it. Prediction-powered (Angelopoulos et al. 2023,
with the tuning of "PPI++", 2023): the detector's own spoof probability of every call replaces what
the labels need not tell. A rate is a ratio of two means, so its interval is of the delta method.

    python -m benchmarks.live_rates ../shared/scores
"""

from __future__ import annotations

import argparse
import gzip
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.evaluation.live_rates import wilson
from models.evaluation.metrics.eer import eer_threshold

Floats = NDArray[np.float64]
CONFIDENCE, Z = 0.95, 1.959964
LABELS = (100, 200, 500, 1000, 2000)
CALIBRATION = 2000  # calls of another day, on which the score became a probability
SPOOF_SHARE = 0.1  # of replayed traffic; the published lists have up to nine spoofs in ten


@dataclass(frozen=True)
class Traffic:
    """Calls with scores, truth and the detector's belief."""

    refused: NDArray[np.bool_]
    bonafide: NDArray[np.bool_]
    belief: Floats  # that a call is bona fide, 0-1


@dataclass(frozen=True)
class Interval:
    """An estimate with its bounds."""

    low: float
    high: float


def scores_of(folder: Path, name: str) -> tuple[Floats, NDArray[np.bool_]]:
    """Scores and whether each trial is bona fide."""
    if name == "in-the-wild":
        keys = {row[1]: row[-1] for row in rows(folder / "in-the-wild.key.txt.gz")}
        pairs = [
            (float(row[1]), keys[row[0]]) for row in rows(folder / f"{name}.xlsr-mamba.txt.gz")
        ]
    else:
        pairs = [(float(row[3]), row[2]) for row in rows(folder / f"{name}.txt.gz")]
    scores = np.array([score for score, _ in pairs])
    bonafide = np.array([label.startswith("bona") for _, label in pairs])
    higher_is_bonafide = scores[bonafide].mean() > scores[~bonafide].mean()
    return (scores if higher_is_bonafide else -scores), bonafide


def rows(path: Path) -> Iterator[list[str]]:
    """The fields of each line."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        yield from (line.split() for line in stream if line.strip())


def replay(scores: Floats, bonafide: NDArray[np.bool_], calls: int, seed: int) -> Traffic:
    """Draw traffic with SPOOF_SHARE spoofs, and calibrate on calls that are not part of it."""
    rng = np.random.default_rng(seed)
    real, spoof = (rng.permutation(np.flatnonzero(bonafide == kind)) for kind in (True, False))
    total = calls + CALIBRATION
    spoofs = int(total * SPOOF_SHARE)
    chosen = rng.permutation(
        np.concatenate([rng.choice(real, total - spoofs), rng.choice(spoof, spoofs)])
    )
    past, today = chosen[:CALIBRATION], chosen[CALIBRATION:]
    threshold = eer_threshold(scores[past][bonafide[past]], scores[past][~bonafide[past]])
    slope, offset = logistic(scores[past], bonafide[past])
    belief = 1 / (1 + np.exp(-(slope * scores[today] + offset)))
    return Traffic(scores[today] < threshold, bonafide[today], belief)


def logistic(scores: Floats, bonafide: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of a logistic regression, by Newton's method with a little ridge."""
    design = np.stack([scores, np.ones_like(scores)], axis=1)
    weights = np.zeros(2)
    for _ in range(50):
        belief = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (bonafide - belief) - 1e-3 * weights
        curvature = (design.T * (belief * (1 - belief))) @ design + 1e-3 * np.eye(2)
        weights += np.linalg.solve(curvature, gradient)
    return float(weights[0]), float(weights[1])


def plain(traffic: Traffic, drawn: NDArray[np.int64], kind: bool) -> Interval:
    """Wilson's interval of the errors among the labelled calls of a class."""
    of_class = traffic.bonafide[drawn] == kind
    errors = (traffic.refused[drawn] == kind)[of_class].sum()
    return Interval(*wilson(float(errors), float(of_class.sum()), CONFIDENCE))


def powered(traffic: Traffic, drawn: NDArray[np.int64], kind: bool) -> Interval:
    """The prediction-powered interval of the same rate."""
    wrong = (traffic.refused == kind).astype(np.float64)
    belief = traffic.belief if kind else 1 - traffic.belief
    truth = (traffic.bonafide[drawn] == kind).astype(np.float64)
    part, whole = (
        powered_mean(truth * factor[drawn], belief * factor, belief[drawn] * factor[drawn])
        for factor in (wrong, np.ones_like(wrong))
    )
    if whole <= 0:
        return Interval(0.0, 1.0)
    rate = part / whole
    residual = truth * (wrong[drawn] - rate) / whole
    predicted = belief * (wrong - rate) / whole
    weight = tuning(residual, predicted[drawn], len(drawn) / len(belief))
    variance = np.var(residual - weight * predicted[drawn]) / len(drawn)
    variance += weight**2 * np.var(predicted) / len(belief)
    half = Z * float(np.sqrt(variance))
    return Interval(max(rate - half, 0.0), min(rate + half, 1.0))


def powered_mean(truth: Floats, everywhere: Floats, here: Floats) -> float:
    """The mean of a quantity: labelled values, corrected by what predictions say of the others."""
    weight = tuning(truth, here, len(here) / len(everywhere))
    return float(truth.mean() + weight * (everywhere.mean() - here.mean()))


def tuning(truth: Floats, predicted: Floats, ratio: float) -> float:
    """The weight of predictions with the least variance, 0-1: useless ones count nothing."""
    variance = float(np.var(predicted))
    if variance == 0:
        return 0.0
    covariance = float(np.mean((truth - truth.mean()) * (predicted - predicted.mean())))
    return min(max(covariance / variance / (1 + ratio), 0.0), 1.0)


def main() -> None:
    """Print a line for each list, rate and number of labels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scores", type=Path)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--replays", type=int, default=400)
    options = parser.parse_args()
    say("| scores | rate | labels | plain: width | coverage | powered: width | coverage |")
    say("|---|---|---|---|---|---|---|")
    for name in ("asvspoof2019-la.rawgat-st-mul", "asvspoof2019-la.lfcc-resnet18-softmax",
                 "in-the-wild"):  # fmt: skip
        scores, bonafide = scores_of(options.scores, name)
        traffic = replay(scores, bonafide, options.calls, 1)
        for rate, kind in (("misses", True), ("false alarms", False)):
            truth = float(np.mean(traffic.refused[traffic.bonafide == kind] == kind))
            for labels in LABELS:
                cells = compare(traffic, kind, truth, labels, options.replays)
                say(f"| {name} | {rate} {100 * truth:.2f} % | {labels} | {cells} |")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def compare(traffic: Traffic, kind: bool, truth: float, labels: int, replays: int) -> str:
    """Mean width and coverage of both intervals over many draws."""
    cells = []
    for method in (plain, powered):
        intervals = [
            method(traffic, np.random.default_rng(seed).choice(len(traffic.belief), labels, False),
                   kind)
            for seed in range(replays)
        ]  # fmt: skip
        width = 100 * np.mean([interval.high - interval.low for interval in intervals])
        covers = [interval.low <= truth <= interval.high for interval in intervals]
        cells.append(f"{width:.2f} points | {100 * np.mean(covers):.0f} %")
    return " | ".join(cells)


if __name__ == "__main__":
    main()
