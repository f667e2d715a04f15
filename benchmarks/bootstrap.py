"""Claim: 2,000 clustered resamples of 600,000 trials, both systems, take under 10 s and 2 GiB.

    python -m benchmarks.bootstrap [--trials 600000] [--speakers 2000]

A plain loop, which repeats the trials of the drawn speakers and sorts them by numpy's argsort, runs
beside it on the first draws, must agree on every EER, and gives the ratio.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from models.evaluation.bootstrap import ResampledEer, TrialList, draw_weights, resample

RESAMPLES, PLAIN_RESAMPLES, SEED = 2000, 6, 2026
BONAFIDE_SHARE = 1 / 3


def main() -> None:
    """Print the clock and processor time, the peak memory, and the ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=600_000)
    parser.add_argument("--speakers", type=int, default=2_000)
    arguments = parser.parse_args()
    trials, systems = _simulated(arguments.trials, arguments.speakers)
    before = _peak_mib()
    clock, busy = time.perf_counter(), time.process_time()
    fast = _fast(systems, trials)
    clock, busy = time.perf_counter() - clock, time.process_time() - busy
    peak = _peak_mib()
    plain = time.process_time()
    slow = _plain(systems, trials)
    plain = (time.process_time() - plain) * RESAMPLES / PLAIN_RESAMPLES
    np.testing.assert_allclose(fast[:, :PLAIN_RESAMPLES], slow, atol=2 / arguments.trials)
    sys.stdout.write(
        f"{arguments.trials:,} trials, {arguments.speakers:,} speakers, 2 systems, {RESAMPLES:,} "
        f"resamples: {clock:.2f} s by the clock, {busy:.2f} s of a processor, peak {peak:.0f} MiB "
        f"({before:.0f} before); plain loop {plain:.0f} s of a processor, from {PLAIN_RESAMPLES} "
        f"draws; ratio {plain / busy:.0f}\n"
    )


def _simulated(count: int, speakers: int) -> tuple[TrialList, list[NDArray[np.float64]]]:
    random = np.random.default_rng(SEED)
    bonafide = np.arange(count) < BONAFIDE_SHARE * count
    speaker = random.integers(speakers, size=count)
    speaker = np.unique(speaker, return_inverse=True)[1]
    shared = 0.8 * random.normal(size=count) + 0.4 * random.normal(size=speakers)[speaker]
    systems = [3.0 * bonafide + shared + 0.4 * random.normal(size=count) for _ in range(2)]
    return TrialList(bonafide, speaker), systems


def _fast(systems: list[NDArray[np.float64]], trials: TrialList) -> NDArray[np.float64]:
    rows = np.flatnonzero(trials.is_bonafide), np.flatnonzero(~trials.is_bonafide)
    statistics = {
        system: ResampledEer(scores, trials, *rows) for system, scores in enumerate(systems)
    }
    return np.array(list(resample(trials, statistics, RESAMPLES, SEED).values()))


def _plain(systems: list[NDArray[np.float64]], trials: TrialList) -> NDArray[np.float64]:
    """EERs (systems, draws) of trials really repeated as often as their speaker was drawn."""
    blocks = draw_weights(trials, RESAMPLES, np.random.default_rng(SEED))
    weights = list(islice(chain.from_iterable(blocks), PLAIN_RESAMPLES))
    return np.array(
        [
            [
                _sorted_eer(np.repeat(scores, weight), np.repeat(trials.is_bonafide, weight))
                for weight in (of_clusters[trials.clusters] for of_clusters in weights)
            ]
            for scores in systems
        ]
    )


def _sorted_eer(scores: NDArray[np.float64], bonafide: NDArray[np.bool_]) -> float:
    """The EER at the threshold where the rates are closest, as it is often written."""
    ordered = bonafide[np.argsort(scores)]
    misses = np.cumsum(ordered) / ordered.sum()
    false_alarms = 1 - np.cumsum(~ordered) / (~ordered).sum()
    nearest = np.argmin(np.abs(misses - false_alarms))
    return float((misses[nearest] + false_alarms[nearest]) / 2)


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


if __name__ == "__main__":
    main()
