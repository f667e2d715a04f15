"""Claim: a detector that hears every spoof is blind to one that knows it.

    python -m benchmarks.attacks WEIGHTS CORPUS --clips 16 --snrs 40 50 --attacks fgsm pgd square

WEIGHTS is a detector folder or a published AASIST checkpoint, CORPUS a folder with an `antiphon`
protocol. Printed is the EER on clips of its eval partition, clean and under each attack, and
whether the gradients are to be trusted.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from models.adversarial.under_attack import under_attack
from models.audio.reading import read_audio
from models.data.clips import Clips
from models.data.protocols.reading import read_protocol
from models.detectors.detector import Detector
from models.packaging.checkpoint import import_weights, load_detector
from models.params.tree import Params, params_from_mapping
from models.trials import Partition, Trial

_TRAIN_CLIPS = 64  # of each class, that a universal perturbation is learnt on


def main() -> None:
    """Attack, and print a table in Markdown."""
    arguments = _arguments()
    params = _params(arguments)
    clips, train = (_clips(arguments.corpus, *part) for part in _parts(arguments.clips))
    report = under_attack(
        _detector(arguments.weights), None, clips, train, params, arguments.device
    )
    columns = list(report["by_snr"])
    sys.stdout.write(f"| attack | {' | '.join(f'{snr} dB' for snr in columns)} |\n")
    sys.stdout.write(f"|---|{'---|' * len(columns)}\n")
    for name in ("clean", *params.robustness.attacks):
        rates = [report["by_snr"][snr].get(name, report["eer"]["clean"]) for snr in columns]
        sys.stdout.write(f"| {name} | {' | '.join(f'{rate:.1%}' for rate in rates)} |\n")
    for name, guard in report["guards"].items():
        figures = ", ".join(f"{k} {v:.3g}" for k, v in guard.items() if k != "holds")
        sys.stdout.write(f"{name}: {'holds' if guard['holds'] else 'FAILS'} ({figures})\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.attacks")
    parser.add_argument("weights", type=Path)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--snrs", type=float, nargs="+", default=[40.0])
    parser.add_argument("--attacks", nargs="+", default=["fgsm", "pgd"])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--guard-trials", type=int, default=0)
    parser.add_argument("--samples", type=int, default=64_600, help="of a window")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def _params(arguments: argparse.Namespace) -> Params:
    document: dict[str, Any] = {
        "window": {"samples": arguments.samples, "hop": arguments.samples},
        "evaluation": {"attacked_trials": arguments.clips, "attack_snr_db": arguments.snrs[0]},
        "robustness": {
            "attacks": arguments.attacks,
            "snrs_db": arguments.snrs[1:],
            "steps": arguments.steps,
            "guard_trials": arguments.guard_trials,
        },
    }
    return params_from_mapping(document, "arguments")


def _detector(weights: Path) -> Detector:
    if weights.is_dir():
        return load_detector(weights)
    with tempfile.TemporaryDirectory() as folder:
        import_weights("aasist", weights, Path(folder) / "detector")
        return load_detector(Path(folder) / "detector")


def _parts(clips: int) -> list[tuple[Partition, int]]:
    return [(Partition.EVAL, clips // 2), (Partition.TRAIN, _TRAIN_CLIPS)]


def _clips(corpus: Path, partition: Partition, count: int) -> Clips:
    """`each` clips of both classes of a partition, those of spoofs spread over its attacks."""
    trials = read_protocol("antiphon", corpus).partition(partition)
    people = [trial for trial in trials if trial.attack_id is None]
    spoofs = sorted((t for t in trials if t.attack_id), key=lambda t: t.attack_id or "")
    chosen = [trial for group in (people, spoofs) for trial in _spread(group, count)]
    return Clips.from_arrays(chosen, [read_audio(trial.path) for trial in chosen])


def _spread(trials: list[Trial], count: int) -> list[Trial]:
    places = np.linspace(0, len(trials) - 1, min(count, len(trials))).astype(int)
    return [trials[place] for place in places]


if __name__ == "__main__":
    main()
