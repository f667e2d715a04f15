"""Two mixtures of Gaussians over cepstral frames: scikit-learn's numbers, torch's answers."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture

from models.audio.reading import read_audio
from models.data.clips import Clips
from models.data.protocols.reading import read_protocol
from models.detectors import Detector, build_detector, cm_score
from models.detectors.layers.mixture import Mixture
from models.detectors.lfcc_gmm import LfccGmm
from models.errors import InputError
from models.evaluation.metrics.eer import eer
from models.packaging.checkpoint import load_detector, save_detector
from models.params.training import TrainingParams
from models.params.tree import Params
from models.params.window import WindowParams
from models.training.scoring import score_clips
from models.training.state import weights_hash
from models.training.train import train
from models.trials import Partition, Trial
from tests.tolerances import assert_equal_but_for_rounding, in_float64

ROOT = Path(__file__).resolve().parents[3]
NARROW: dict[str, Any] = {
    "components": 4, "coefficients": 8, "filters": 20, "frames": 400, "iterations": 5
}  # fmt: skip
PARAMS = Params(
    window=WindowParams(8_000, 8_000), training=TrainingParams(crop_samples=8_000, seed=5)
)

pytestmark = pytest.mark.usefixtures("one_thread")


def noises(seed: int, count: int = 24) -> Clips:
    """Half white noise for people, half lowered noise for an attack."""
    rng, trials, waveforms = np.random.default_rng(seed), [], []
    for number in range(count):
        white = 0.1 * rng.standard_normal(9_000)
        spoof = number % 2 == 1
        trials.append(Trial(f"{seed}-{number}", Path("-"), "low" if spoof else None))
        waveforms.append((white[1:] + 0.5 * spoof * white[:-1]).astype(np.float32))
    return Clips.from_arrays(trials, waveforms)


def fitted(params: Params = PARAMS, **options: Any) -> Detector:
    torch.manual_seed(1)
    detector = build_detector("lfcc-gmm", {**NARROW, **options})
    train(detector, noises(1), noises(2), params)
    return detector


@pytest.fixture(scope="module")
def detector() -> Detector:
    return fitted()


@pytest.fixture
def frames() -> np.ndarray:
    """Frames (2000, 3) around four places."""
    rng = np.random.default_rng(3)
    places = 4 * rng.standard_normal((4, 3))
    spread = rng.uniform(0.5, 1.5, (4, 3))
    kind = rng.choice(4, 2_000, p=[0.4, 0.3, 0.2, 0.1])
    drawn = places[kind] + spread[kind] * rng.standard_normal((2_000, 3))
    return drawn.astype(np.float32)


def test_a_mixture_is_as_likely_as_the_one_that_scikit_learn_fits(frames: np.ndarray) -> None:
    mixture = Mixture(4, 3)
    mixture.fit(frames, iterations=100, floor=1e-6, seed=0)
    reference = GaussianMixture(4, covariance_type="diag", n_init=3, random_state=0).fit(frames)
    likelihoods, _ = mixture(torch.from_numpy(frames).T[None])
    assert float(likelihoods.mean()) == pytest.approx(reference.score(frames), abs=0.01)


def test_torch_gives_the_likelihoods_and_posteriors_of_scikit_learn(frames: np.ndarray) -> None:
    reference = GaussianMixture(4, covariance_type="diag", random_state=0).fit(frames)
    mixture = Mixture(4, 3)
    mixture.log_weights.copy_(torch.from_numpy(np.log(reference.weights_)))
    mixture.means.copy_(torch.from_numpy(reference.means_))
    mixture.variances.copy_(torch.from_numpy(reference.covariances_))
    columns = torch.from_numpy(frames).T[None]
    likelihoods, posteriors = mixture(columns)
    exact = in_float64(mixture)(columns.double())
    published = reference.score_samples(frames)[None], reference.predict_proba(frames).T[None]
    assert_equal_but_for_rounding(published[0], likelihoods, exact[0])
    assert_equal_but_for_rounding(published[1], posteriors, exact[1])
    far = mixture(torch.full((1, 3, 1), 1e4))[0]
    assert torch.isfinite(far).all()  # no exponential runs over or under


def test_the_score_is_the_mean_log_likelihood_ratio_and_the_embedding_who_answers(
    detector: LfccGmm,
) -> None:
    waveforms = torch.from_numpy(np.stack([noises(4).part(i, 0, 8_000) for i in range(4)]))
    with torch.inference_mode():
        embedding, logits = detector.forward_both(waveforms)
        frames = (detector.lfcc(waveforms) - detector.centre) / detector.spread
        ratio = detector.bonafide(frames)[0] - detector.spoof(frames)[0]  # (b, frames)
    torch.testing.assert_close(cm_score(logits), ratio.mean(dim=1))
    assert embedding.shape == (4, detector.embedding_dim) == (4, 8)
    torch.testing.assert_close(embedding.reshape(4, 2, 4).sum(dim=2), torch.ones(4, 2))


def test_it_tells_what_it_was_fitted_on(detector: Detector) -> None:
    unheard = noises(4)
    scores = score_clips(detector, unheard, PARAMS.window)
    assert eer(scores.bonafide, scores.spoof) <= 0.1
    assert scores.bonafide.mean() > 0 > scores.spoof.mean()


def test_a_seed_fits_the_same_twice_and_another_seed_other_frames() -> None:
    other = replace(PARAMS, training=replace(PARAMS.training, seed=6))
    first, second, third = (weights_hash(fitted(p).state_dict()) for p in (PARAMS, PARAMS, other))
    assert first == second != third


def test_all_frames_are_fitted_where_no_bound_is_set(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        fitted(frames=0)
    spoof, bonafide = (int(m.split()[3]) for m in caplog.messages if "components from" in m)
    assert spoof + bonafide == 32 * (1 + 8_000 // 240)  # two batches of 16 crops
    caplog.clear()
    with caplog.at_level("INFO"):
        fitted(frames=100)
    assert [m.split()[3] for m in caplog.messages if "components from" in m] == ["100", "100"]


def test_answering_needs_no_scikit_learn(detector: Detector, tmp_path: Path) -> None:
    save_detector(detector, tmp_path / "detector", PARAMS.window)
    source = f"""
import sys
sys.modules["sklearn"] = None
import torch
from pathlib import Path
from models.packaging.checkpoint import load_detector
print(float(load_detector(Path({str(tmp_path / "detector")!r}))(torch.ones(1, 8000)).sum()))
"""
    done = subprocess.run(
        [sys.executable, "-c", source], cwd=ROOT, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert abs(float(done.stdout)) < 1e-5  # the logits are one number, once with each sign


def test_no_optimiser_would_touch_what_is_estimated(detector: Detector) -> None:
    assert not any(weight.requires_grad for weight in detector.parameters())
    waveforms = (0.1 * torch.randn(2, 8_000)).requires_grad_()
    cm_score(detector(waveforms)).sum().backward()
    assert (waveforms.grad != 0).float().mean() > 0.5


def test_the_size_of_the_baseline() -> None:
    detector = build_detector("lfcc-gmm")
    assert sum(weight.numel() for weight in detector.parameters()) == 124_024
    assert detector.lfcc.bins == 60
    assert detector.embedding_dim == 1_024


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"components": 0}, "option components: a whole number 1 to 65536 expected, found 0"),
        ({"frames": 300}, "option frames: 0 or at least 512 components expected, found 300"),
        ({"iterations": 0}, "option iterations: a whole number"),
        ({"floor": 0}, "option floor: a number 1e-06 to 1 expected, found 0"),
        ({"highest_hz": 9000.0}, "option highest_hz"),
        ({"filters": 10}, "option coefficients"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        build_detector("lfcc-gmm", options)


def test_too_few_frames_are_refused_in_one_sentence() -> None:
    few = noises(1, 2)
    detector = build_detector("lfcc-gmm", {**NARROW, "components": 512, "frames": 1_000})
    params = replace(PARAMS, training=replace(PARAMS.training, balanced=False))
    with pytest.raises(InputError, match=r"^lfcc-gmm: train clips .* for 512 components expected"):
        train(detector, few, noises(2), params)


def test_it_tells_synthetic_from_real_speech(shared: Path, tmp_path: Path) -> None:
    """Of a synthesiser that it has heard."""
    protocol = read_protocol("antiphon", shared / "corpus")

    def some(partition: Partition, count: int) -> Clips:
        trials = protocol.partition(partition)
        spoofs = [trial for trial in trials if trial.attack_id == "espeak_ng"][:count]
        people = [trial for trial in trials if trial.attack_id is None]
        people = people[:: max(1, len(people) // count)][:count]
        return Clips.from_arrays(
            [*people, *spoofs], [read_audio(t.path) for t in (*people, *spoofs)]
        )

    torch.manual_seed(1)
    detector = build_detector("lfcc-gmm", {"components": 16, "frames": 8_000})
    params = replace(PARAMS, window=WindowParams(24_000, 24_000))
    params = replace(params, training=replace(params.training, crop_samples=24_000))
    train(detector, some(Partition.TRAIN, 60), some(Partition.DEV, 20), params)
    scores = score_clips(detector, some(Partition.EVAL, 35), params.window)
    assert eer(scores.bonafide, scores.spoof) < 0.2
    save_detector(detector, tmp_path / "detector", params.window)
    again = score_clips(
        load_detector(tmp_path / "detector"), some(Partition.EVAL, 3), params.window
    )
    assert np.isin(again.cm_scores[-3:], scores.cm_scores).all()
