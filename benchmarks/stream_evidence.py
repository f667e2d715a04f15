"""Claim: evidence of a call that goes on is calibrated, and decides early and rarely wrongly.

    python -m benchmarks.stream_evidence DETECTOR_FOLDER [CORPUS]

Calls are made of the recordings of one speaker (bona fide) or of one voice of one attack, of the
partitions dev and eval, as they are and through G.711 µ-law at 8 kHz. They pass the same track,
speech check and detector as a live stream. Printed: how much two windows of a call correlate within
a class, the Cllr of the running llr for several assumed correlations, and what the test decides.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # read when a runtime is imported

import numpy as np
import soxr
from numpy.typing import NDArray

from models.audio.reading import SAMPLE_RATE, read_audio
from models.audio.windows import cut_windows
from models.data.protocols.antiphon import antiphon
from models.evaluation.policies import threshold_alone
from models.evaluation.running import Boundaries, RepeatedTest, RunningEvidence
from models.packaging.runtime import ExportedDetector, cm_scores
from models.params.window import StreamParams
from models.trials import Partition, Trial
from serving.streams.samples import ENCODINGS
from serving.streams.scoring import listen
from serving.streams.track import Track

LONGEST_S, SHORTEST_S = 40.0, 4.0
CORRELATIONS = (0.0, 0.3, 0.5, 0.7, 1.0)
MOMENTS_S = (2.0, 4.0, 8.0, 16.0, 40.0)


@dataclass(frozen=True)
class CallWindow:
    """A window of a call: when it ended, its llr, and windows' worth of new speech."""

    end_s: float
    llr: float
    amount: float


Call = tuple[bool, list[CallWindow]]  # bona fide?


def main() -> None:
    """Print the tables."""
    detector = ExportedDetector.open(Path(sys.argv[1]))
    corpus = Path(sys.argv[2] if len(sys.argv) > 2 else "../shared/corpus")
    trials = list(antiphon(corpus))
    for is_telephone in (False, True):
        for partition in (Partition.DEV, Partition.EVAL):
            waveforms = _waveforms(trials, partition)
            calls = [(bona, _windows(detector, w, is_telephone)) for bona, w in waveforms]
            line = "G.711 at 8 kHz" if is_telephone else "as recorded"
            _report(f"{partition.value}, {line}", [call for call in calls if call[1]], detector)


def _waveforms(
    trials: Sequence[Trial], partition: Partition
) -> list[tuple[bool, NDArray[np.float32]]]:
    """Calls: whether they are bona fide, and their samples (n,) at 16 kHz."""
    voices: dict[tuple[str | None, ...], list[Trial]] = defaultdict(list)
    for trial in trials:
        if trial.partition is partition:
            voices[trial.attack_id, trial.speaker_id, trial.source].append(trial)
    calls = []
    for voice, own in voices.items():
        waveform = np.concatenate([read_audio(trial.path) for trial in own])
        if len(waveform) >= SHORTEST_S * SAMPLE_RATE:
            calls.append((voice[0] is None, waveform[: int(LONGEST_S * SAMPLE_RATE)]))
    return calls


def _windows(
    detector: ExportedDetector, waveform: NDArray[np.float32], is_telephone: bool
) -> list[CallWindow]:
    """The windows after 1, 2 and 4 s, and from then on side by side."""
    window = detector.manifest.window
    rate = 8_000 if is_telephone else SAMPLE_RATE
    audio = _through_g711(waveform) if is_telephone else waveform
    track = Track(0, rate, window.samples, SAMPLE_RATE)
    windows: list[CallWindow] = []
    lengths = [1.0, 1.0, 2.0, *[window.samples / SAMPLE_RATE] * 20]
    for start, end in pairwise(np.cumsum([0.0, *lengths])):
        track.push(audio[round(start * rate) : round(end * rate)])
        while (cut := track.due()) is not None:
            reason, _, new_speech_s = listen(cut, window.samples)
            if reason is None:
                logits, _ = detector.run(cut_windows(cut.waveform, window))
                assert detector.calibration is not None
                llr = detector.calibration.llr_of(float(cm_scores(logits)[0]))
                amount = new_speech_s * SAMPLE_RATE / window.samples
                windows.append(CallWindow(cut.end / SAMPLE_RATE, llr, amount))
    return windows


def _through_g711(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    table = np.sort(ENCODINGS["mulaw"].decode(bytes(range(256))))
    samples = soxr.resample(waveform, SAMPLE_RATE, 8_000)
    return table[np.searchsorted((table[1:] + table[:-1]) / 2, samples)]


def _report(name: str, calls: Sequence[Call], detector: ExportedDetector) -> None:
    counts = [sum(bona is kind for bona, _ in calls) for kind in (True, False)]
    sys.stdout.write(f"\n{name}: {counts[0]} calls bona fide, {counts[1]} spoof\n")
    sys.stdout.write(f"  correlation of windows of a call: {_correlation(calls):.2f}\n")
    header = "".join(f"{moment:>8g} s" for moment in MOMENTS_S)
    sys.stdout.write(f"  Cllr after{header}\n")
    for correlation in CORRELATIONS:
        row = "".join(f"{_cllr(calls, correlation, moment):10.3f}" for moment in MOMENTS_S)
        sys.stdout.write(f"  rho {correlation:5.2f}{row}\n")
    for correlation in CORRELATIONS:
        sys.stdout.write(f"  rho {correlation:5.2f}: {_decisions(calls, correlation, detector)}\n")


def _running(call: Call, correlation: float, until_s: float) -> list[tuple[float, float]]:
    """Seconds, and the running llr with the window that ended then."""
    evidence, path = RunningEvidence(correlation), []
    for window in call[1]:
        if window.end_s <= until_s:
            evidence.add(window.llr, window.amount)
            path.append((window.end_s, evidence.llr))
    return path


def _cllr(calls: Sequence[Call], correlation: float, moment: float) -> float:
    """Bits; 1 says nothing. Of calls that are as long."""
    costs: dict[bool, list[float]] = {True: [], False: []}
    for call in calls:
        if path := _running(call, correlation, moment + 0.1):
            llr = path[-1][1] if call[0] else -path[-1][1]
            costs[call[0]].append(float(np.logaddexp(0.0, -llr) / np.log(2)))
    return float(np.mean([np.mean(cost) for cost in costs.values()]))


def _decisions(calls: Sequence[Call], correlation: float, detector: ExportedDetector) -> str:
    """What the repeated test says of calls, and after how many seconds it says so first."""
    assert detector.calibration is not None
    policy = threshold_alone(detector.calibration).named("default")
    boundaries = Boundaries.around(policy, StreamParams().error)
    times, alarms, missed = [], 0, 0
    for is_bonafide, windows in calls:
        test = RepeatedTest(boundaries, correlation)
        sure_of = [(w.end_s, v) for w in windows if (v := test.add(w.llr, w.amount)) is not None]
        is_spoof = any(verdict == "spoof" for _, verdict in sure_of)
        times += [end_s for end_s, _ in sure_of[:1]]
        alarms += is_bonafide and is_spoof
        missed += not is_bonafide and bool(sure_of) and not is_spoof
    median = float(np.median(times)) if times else float("nan")
    return (
        f"sure of {len(times)} of {len(calls)}, first after {median:.1f} s (median); bona fide "
        f"ever called spoof {alarms}, spoof called bona fide alone {missed}"
    )


def _correlation(calls: Sequence[Call]) -> float:
    """Of the llr of two whole windows of a call within a class: analysis of variance."""
    within, between, degrees = 0.0, 0.0, [0, 0]
    sizes: list[int] = []
    for kind in (True, False):
        groups = [[w.llr for w in own if w.end_s > 3.9] for bona, own in calls if bona is kind]
        groups = [group for group in groups if len(group) > 1]
        mean = float(np.mean(np.concatenate(groups)))
        within += sum(float(np.sum((np.array(g) - np.mean(g)) ** 2)) for g in groups)
        between += sum(len(g) * (float(np.mean(g)) - mean) ** 2 for g in groups)
        degrees[0] += sum(len(g) - 1 for g in groups)
        degrees[1] += len(groups) - 1
        sizes += [len(group) for group in groups]
    size = (sum(sizes) - sum(n * n for n in sizes) / sum(sizes)) / (len(sizes) - 1)
    ms_within, ms_between = within / degrees[0], between / degrees[1]
    return (ms_between - ms_within) / (ms_between + (size - 1) * ms_within)


if __name__ == "__main__":
    main()
