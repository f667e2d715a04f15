"""Does taking out noise before scoring help a detector? EER with and without, in quiet and noise.

    python -m benchmarks.spectral_subtraction CORPUS AASIST.pth [TRIALS]

Eval trials of a corpus of the protocol `antiphon`, half of each class and attacks evenly, are
scored by a published detector that never learnt from cleaned speech. White noise is added at an SNR
over the whole clip. Intervals are paired bootstraps over clips, of the difference to not cleaning;
the last column is the median over clips of speech over whatever is not speech as it was.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from models.adversarial.robustness import draw_clips
from models.audio.reading import read_audio
from models.audio.windows import aggregate, cut_windows
from models.augmentations.processing.levels import add_at_snr
from models.data.clips import Clips
from models.data.protocols.reading import read_protocol
from models.evaluation.metrics.eer import eer
from models.packaging.checkpoint import import_weights
from models.packaging.export import export_detector
from models.packaging.runtime import ExportedDetector, cm_scores
from models.params.window import WindowParams
from models.trials import Partition

OVERS = (0.0, 2.0, 4.0)
SNRS_DB = (None, 20.0, 10.0)
RESAMPLES = 2_000

Waveforms = list[NDArray[np.float32]]


def main(corpus: Path, weights: Path, trials: int = 120) -> None:
    """Print a line for each noise and each over-subtraction."""
    clips = _drawn(corpus, trials)
    speech = [clips.waveform(index) for index in range(len(clips))]
    sys.stdout.write(f"{len(clips)} eval trials, {clips.bonafide.sum()} bona fide\n")
    with TemporaryDirectory() as folder:
        detector = _exported(weights, Path(folder) / "detector")
        for snr_db in SNRS_DB:
            noisy = speech if snr_db is None else _noisy(speech, snr_db)
            plain = _scores(detector, noisy, 0.0)
            for over in OVERS:
                scores = plain if over == 0.0 else _scores(detector, noisy, over)
                rate = _eer(clips.bonafide, scores)
                low, high = _difference(clips.bonafide, plain, scores)
                noise = "no noise" if snr_db is None else f"{snr_db:g} dB"
                sys.stdout.write(
                    f"{noise:>8}, over-subtraction {over:g}: EER {rate:.1%}, "
                    f"difference {low:+.1%} to {high:+.1%}, speech over the rest "
                    f"{_over_the_rest(speech, noisy, over):.1f} dB\n"
                )
                sys.stdout.flush()


def _drawn(corpus: Path, trials: int) -> Clips:
    listed = read_protocol("antiphon", corpus).partition(Partition.EVAL)
    whole = Clips.from_arrays(listed, [read_audio(trial.path) for trial in listed])
    return draw_clips(whole, trials, seed=1)


def _exported(weights: Path, folder: Path) -> ExportedDetector:
    import_weights("aasist", weights, folder)
    export_detector(folder)
    return ExportedDetector.open(folder)


def _noisy(speech: Waveforms, snr_db: float) -> Waveforms:
    rng = np.random.default_rng(5)
    return [
        add_at_snr(waveform, rng.standard_normal(waveform.size).astype(np.float32), snr_db)
        for waveform in speech
    ]


def _scores(detector: ExportedDetector, waveforms: Waveforms, over: float) -> NDArray[np.float64]:
    window = replace(WindowParams(), spectral_subtraction=over)
    logits = (detector.run(cut_windows(waveform, window))[0] for waveform in waveforms)
    return np.array([aggregate(cm_scores(of_windows), window) for of_windows in logits])


def _over_the_rest(speech: Waveforms, recordings: Waveforms, over: float) -> float:
    """Median over clips of the power of speech over that of what is not speech as it was."""
    window = replace(WindowParams(), spectral_subtraction=over)
    ratios_db = []
    for clean, noisy in zip(speech, recordings, strict=True):
        wanted = clean[: window.samples]
        rest = cut_windows(noisy, window)[0, : wanted.size] - wanted
        powers = [np.square(part, dtype=np.float64).sum() for part in (wanted, rest)]
        ratios_db.append(10 * np.log10(powers[0] / powers[1]) if powers[1] else np.inf)
    return float(np.median(ratios_db))


def _eer(bonafide: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    return eer(scores[bonafide], scores[~bonafide])


def _difference(
    bonafide: NDArray[np.bool_], before: NDArray[np.float64], after: NDArray[np.float64]
) -> tuple[float, float]:
    """A 95 % interval of EER after minus EER before."""
    rng = np.random.default_rng(0)
    classes = [np.flatnonzero(bonafide), np.flatnonzero(~bonafide)]
    differences = []
    for _ in range(RESAMPLES):
        rows = np.concatenate(
            [rng.choice(rows_of_class, rows_of_class.size) for rows_of_class in classes]
        )
        differences.append(_eer(bonafide[rows], after[rows]) - _eer(bonafide[rows], before[rows]))
    low, high = np.percentile(differences, [2.5, 97.5])
    return float(low), float(high)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:]))
