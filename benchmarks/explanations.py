"""Do explanations show the detector, and does what they blame matter?

    OMP_NUM_THREADS=1 python -m benchmarks.explanations CORPUS AASIST.pth [--trials 10]

Eval trials of a corpus of the protocol `antiphon`, half of each class and attacks evenly, of each
the middle second. For each method: how far the score moves (median over trials) without the tenth
of frequency and time that is reddest, without the same shape elsewhere, and without as many cells
that are as loud; in how many trials the reddest moves it further than the usual one of six of
each; in how many the evidence for spoof falls further than without what is as loud, as a signed
map promises; and the rank correlation (median over the first trials) of the map with that for a
detector whose weights were shuffled, of the values and of their magnitudes. `loudness` is a map
that asks no detector.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from models.adversarial.robustness import draw_clips
from models.audio.reading import read_audio
from models.compute.memory import retained_memory
from models.compute.memory_format import channels_innermost
from models.data.clips import Clips
from models.data.protocols.reading import read_protocol
from models.detectors import Detector
from models.explanations import EXPLANATIONS
from models.explanations.explanation import Map
from models.explanations.sanity import Deletion, deletion, loudness, rank_correlation, shuffled
from models.explanations.stretch import ScoredStretch
from models.packaging.checkpoint import import_weights, load_detector
from models.trials import Partition

METHODS: dict[str, Callable[[ScoredStretch], object]] = {
    name: method for name, method in EXPLANATIONS.items() if name != "acoustic-shapley"
} | {"loudness": loudness}


def main() -> None:
    """Explain each trial, and print a table in Markdown."""
    arguments = _arguments()
    torch.set_num_threads(1)
    clips = _drawn(arguments.corpus, arguments.trials)
    deletions: dict[str, list[Deletion]] = defaultdict(list)
    correlations: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with TemporaryDirectory() as folder:
        import_weights("aasist", arguments.weights, Path(folder) / "detector")
        detector = load_detector(Path(folder) / "detector")
    with retained_memory(), channels_innermost([detector]):
        for index in range(len(clips)):
            stretch = _stretch(detector, clips, index, arguments.samples)
            maps = {name: _map(method, stretch) for name, method in METHODS.items()}
            for name, heatmap in maps.items():
                deletions[name].append(deletion(stretch, heatmap))
            if index < arguments.shuffled:
                for name, pair in _unlike(stretch, maps, seed=index).items():
                    correlations[name].append(pair)
            sys.stderr.write(f"{index + 1} of {len(clips)}, {time.process_time():.0f} s of CPU\n")
    sys.stdout.write(f"{len(clips)} trials, {clips.bonafide.sum()} bona fide\n")
    _print(deletions, correlations)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.explanations")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--shuffled", type=int, default=2, help="trials also asked of another")
    parser.add_argument("--samples", type=int, default=16_000, help="of a window")
    return parser.parse_args()


def _drawn(corpus: Path, trials: int) -> Clips:
    listed = read_protocol("antiphon", corpus).partition(Partition.EVAL)
    whole = Clips.from_arrays(listed, [read_audio(trial.path) for trial in listed])
    drawn = draw_clips(whole, trials, seed=1)
    return drawn.take(np.random.default_rng(1).permutation(len(drawn)))


def _stretch(detector: Detector, clips: Clips, index: int, samples: int) -> ScoredStretch:
    length = int(clips.lengths[index])
    middle = clips.part(index, max(length - samples, 0) // 2, samples)
    return ScoredStretch(detector, torch.from_numpy(middle), samples, seed=index)


def _map(method: Callable[[ScoredStretch], object], stretch: ScoredStretch) -> Map:
    heatmap = method(stretch)
    assert isinstance(heatmap, Map)
    return heatmap


def _unlike(
    stretch: ScoredStretch, maps: dict[str, Map], seed: int
) -> dict[str, tuple[float, float]]:
    """How alike a detector that knows nothing makes each map: values, and their magnitudes."""
    shuffled_stretch = replace(stretch, detector=shuffled(stretch.detector, seed))
    correlations = {}
    for name, own in maps.items():
        other = _map(METHODS[name], shuffled_stretch).values
        alike = rank_correlation(own.values, other)
        correlations[name] = (alike, rank_correlation(np.abs(own.values), np.abs(other)))
    return correlations


def _print(
    deletions: dict[str, list[Deletion]], correlations: dict[str, list[tuple[float, float]]]
) -> None:
    sys.stdout.write(
        "| method | reddest | elsewhere | as loud | further than elsewhere | than as loud | "
        "falls further | rank correlation | of magnitudes |\n"
        f"{'|---' * 9}|\n"
    )
    for name, results in deletions.items():
        blamed = np.median([abs(one.blamed) for one in results])
        elsewhere = np.median([np.median(np.abs(one.elsewhere)) for one in results])
        as_loud = np.median([np.median(np.abs(one.as_loud)) for one in results])
        further = sum(one.moves_more(one.elsewhere) for one in results)
        than_loud = sum(one.moves_more(one.as_loud) for one in results)
        falls = sum(one.falls_more(one.as_loud) for one in results)
        values, magnitudes = np.median(correlations[name], axis=0)
        sys.stdout.write(
            f"| {name} | {blamed:.2f} | {elsewhere:.2f} | {as_loud:.2f} | {further} | "
            f"{than_loud} | {falls} | {values:+.2f} | {magnitudes:+.2f} |\n"
        )


if __name__ == "__main__":
    main()
