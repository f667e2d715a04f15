"""Each detector is judged on attacks on itself: who is weaker there is vetoed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from flows.candidate.evaluate import calibrate
from flows.gate.judging import Contest, gather_evidence
from models.data.clips import Clips, open_clips, pack_clips
from models.detectors import build_detector
from models.detectors.lfcc_gmm import LfccGmm
from models.evaluation.metrics.eer import eer
from models.evaluation.scores import Scores
from models.packaging.checkpoint import save_detector
from models.packaging.export import export_detector
from models.params.evaluation_sets import (
    AdversarialSetParams,
    BonafideHardParams,
    EvaluationSetsParams,
)
from models.params.tree import Params
from models.params.window import WindowParams
from models.promotion import Decision, EvaluationSet, Evidence, judge
from models.trials import Trial

pytestmark = pytest.mark.slow

SAMPLES = 8_000
WINDOW = WindowParams(SAMPLES, SAMPLES)
HIGHEST_HZ = {"loud": 1_000.0, "faint": 8_000.0}  # what a detector of each tone hears
SETS = EvaluationSetsParams(
    adversarial=AdversarialSetParams(trials=140, snr_db=40.0),
    bonafide_hard=BonafideHardParams(trials=0),
)
PARAMS = Params(window=WINDOW, evaluation_sets=SETS)
ADVERSARIAL, TRANSFER = EvaluationSet.ADVERSARIAL, EvaluationSet.TRANSFER


def sounds(
    rng: np.random.Generator, loud: NDArray[np.bool_], faint: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Noise (clips, samples), some with a loud low tone, some with a faint high one."""
    time = np.arange(SAMPLES) / 16_000
    noise = 0.05 * rng.standard_normal((loud.size, SAMPLES))
    kernel = np.hanning(33) / np.hanning(33).sum()
    low = np.apply_along_axis(np.convolve, 1, noise, kernel, mode="same")
    phases = rng.uniform(0, 6, (2, loud.size, 1))
    low += loud[:, None] * 0.05 * np.sin(2 * np.pi * 400 * time + phases[0])
    low += faint[:, None] * 0.0003 * np.sin(2 * np.pi * 5_000 * time + phases[1])
    return low.astype(np.float32)


def learn(folder: Path, cue: str) -> None:
    """A detector of one of the two tones, by mixtures over frames with it and without."""
    rng = np.random.default_rng(1)
    detector = build_detector("lfcc-gmm", {"components": 4, "highest_hz": HIGHEST_HZ[cue]})
    assert isinstance(detector, LfccGmm)
    real, other = np.arange(80) % 2 == 0, rng.random(80) < 0.5
    waveforms = sounds(rng, *((real, other) if cue == "loud" else (other, real)))
    with torch.inference_mode():
        features = detector.lfcc(torch.from_numpy(waveforms)).transpose(1, 2).numpy()
    frames = features.reshape(-1, features.shape[2])
    centre, spread = frames.mean(axis=0), frames.std(axis=0)
    detector.centre.copy_(torch.from_numpy(centre)[:, None])
    detector.spread.copy_(torch.from_numpy(spread)[:, None])
    for mixture, rows in ((detector.bonafide, real), (detector.spoof, ~real)):
        of_class = features[rows].reshape(-1, features.shape[2])
        mixture.fit((of_class - centre) / spread, 10, 1e-3, seed=1)
    save_detector(detector, folder, WINDOW)
    export_detector(folder)


def pack(folder: Path, part: str, count: int) -> None:
    """Bona fide speech always has the faint tone, and mostly the loud one; spoofs the reverse."""
    rng = np.random.default_rng(len(part))
    real = np.arange(count) % 2 == 0
    loud = real ^ (rng.random(count) < 0.15)
    trials = [
        Trial(f"base/{part}{n}", Path("-"), None if real[n] else "A1", speaker_id=f"s{n}")
        for n in range(count)
    ]
    pack_clips(Clips.from_arrays(trials, list(sounds(rng, loud, real))), folder, part)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    folder = tmp_path_factory.mktemp("veto")
    for part, count in (("eval", 140), ("dev", 40)):
        pack(folder / "prepared", part, count)
    for name, cue in (("champion", "loud"), ("candidate", "faint")):
        learn(folder / name, cue)
        calibrate(folder / name, open_clips(folder / "prepared", "dev"), PARAMS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANTIPHON_DEVICE", "cpu")
        patch.setenv("ANTIPHON_STATE_DIR", str(folder / "state"))
        contest = Contest(
            "run1", folder / "candidate", folder / "champion", folder / "prepared", PARAMS
        )
        return gather_evidence(contest)


def rate(scores: Scores | None) -> float:
    assert scores is not None
    return eer(scores.bonafide, scores.spoof)


def test_a_candidate_that_fails_under_attacks_on_itself_alone_is_rejected(
    evidence: Evidence,
) -> None:
    clean = evidence.sets[EvaluationSet.FROZEN]
    assert rate(clean.candidate) < 0.05 < 0.1 < rate(clean.champion)
    verdict = judge(evidence, PARAMS.promotion)
    assert verdict.superiority is not None and verdict.superiority.bound < 0
    assert verdict.decision is Decision.REJECT
    assert "the EER under attacks on the detector itself rises from" in verdict.reason
    assert ("adversarial", "adversarial") in {(c.kind, c.name) for c in verdict.vetoes}


def test_each_is_attacked_through_itself_and_through_the_other(evidence: Evidence) -> None:
    own, other = evidence.sets[ADVERSARIAL], evidence.sets[TRANSFER]
    assert rate(own.candidate) > 0.5, "its own attacker writes and wipes out the faint tone"
    assert rate(own.champion) < 0.3, "no attack at 40 dB hides the loud tone"
    assert rate(other.candidate) < rate(own.candidate) - 0.2
    without = {name: pair for name, pair in evidence.sets.items() if name is not ADVERSARIAL}
    others = judge(replace(evidence, sets=without), PARAMS.promotion)
    assert "under attacks on the detector itself" not in others.reason
