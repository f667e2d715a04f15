"""Logistic regression over fixed features: scikit-learn's numbers, torch's answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from models.compute.distributed import ALONE
from models.data.clips import Clips
from models.detectors import cm_score
from models.detectors.fitted import Examples
from models.detectors.logistic import LogisticDetector, fitted_line
from models.errors import InputError
from models.evaluation.metrics.eer import eer
from models.params.training import TrainingParams
from models.params.tree import Params
from models.params.window import WindowParams
from models.training.features import examples
from models.training.sampling import Sampler
from models.training.scoring import score_clips
from models.training.state import weights_hash
from models.training.train import train
from models.trials import Trial

PARAMS = Params(
    window=WindowParams(8_000, 8_000),
    training=TrainingParams(crop_samples=8_000, seed=5),
    augmentation={},
)

pytestmark = pytest.mark.usefixtures("one_thread")


class Powers(LogisticDetector):
    """Log power of a clip and of its differences from sample to sample, and a constant."""

    def __init__(self, *, passes: int = 1, inverse_penalty: float | None = None) -> None:
        super().__init__()
        self.name, self.options = "powers", {}
        self.build_answer(passes, inverse_penalty)

    feature_dim = 3

    def features(self, waveforms: Tensor) -> Tensor:
        powers = [waveforms, waveforms.diff(dim=1)]
        logs = [torch.log(power.square().mean(dim=1) + 1e-6) for power in powers]
        return torch.stack([*logs, torch.full_like(logs[0], 3.0)], dim=1)


def noises(seed: int, count: int = 24, samples: int = 9_000) -> Clips:
    """Half white noise for people, half lowered noise for two attacks, one of them rare."""
    rng, trials, waveforms = np.random.default_rng(seed), [], []
    for number in range(count):
        white = 0.1 * rng.standard_normal(samples)
        attack = [None, "low"][number % 2] if number % 8 != 7 else "rare"
        source = "a" if number % 6 else "b"
        trials.append(Trial(f"{seed}-{number}", Path("-"), attack, source=source))
        waveforms.append((white[1:] + 0.5 * bool(attack) * white[:-1]).astype(np.float32))
    return Clips.from_arrays(trials, waveforms)


def fitted(params: Params = PARAMS, clips: Clips | None = None, **options: Any) -> Powers:
    torch.manual_seed(1)
    detector = Powers(**options)
    train(detector, clips or noises(1), noises(2), params)
    return detector


def waveforms_of(clips: Clips) -> Tensor:
    return torch.from_numpy(np.stack([clips.part(i, 0, 8_000) for i in range(len(clips))]))


def test_the_score_is_the_log_odds_that_scikit_learn_gives() -> None:
    clips = noises(1, samples=8_001)  # clips as long as a crop: nothing is drawn
    detector = fitted(clips=clips, inverse_penalty=2.0)
    rows = Powers().features(waveforms_of(clips)).double().numpy()[:, :2]
    scaler = StandardScaler().fit(rows)
    weights = Sampler(clips, PARAMS.training, {}).weights()
    reference = LogisticRegression(C=2.0, tol=1e-8).fit(
        scaler.transform(rows), clips.bonafide, sample_weight=weights
    )
    unheard = waveforms_of(noises(4))
    features = detector.features(unheard)
    expected = reference.decision_function(scaler.transform(features.double().numpy()[:, :2]))
    with torch.inference_mode():
        score = cm_score(detector(unheard)).numpy()
    # scikit-learn stops where no slope is above 1e-4, and the smallest curvature here is above 0.05
    assert score == pytest.approx(expected, abs=0.02)


def test_both_logits_are_each_others_negatives_and_come_of_the_embedding() -> None:
    detector = fitted()
    with torch.inference_mode():
        embedding, logits = detector.forward_both(waveforms_of(noises(4)))
    torch.testing.assert_close(logits[:, 0], -logits[:, 1])
    torch.testing.assert_close(logits, detector.out_layer(embedding))
    assert embedding.shape == (24, detector.embedding_dim) == (24, 3)


def test_the_embedding_is_standardised_over_train_and_a_constant_feature_stays_finite() -> None:
    clips = noises(1, samples=8_001)
    embedding = fitted(clips=clips).embed(waveforms_of(clips))
    torch.testing.assert_close(embedding.mean(dim=0), torch.zeros(3), atol=1e-4, rtol=0)
    expected = torch.tensor([1.0, 1.0, 0.0])
    torch.testing.assert_close(embedding.std(dim=0, correction=0), expected, atol=1e-4, rtol=0)


def test_a_regression_tells_what_it_was_fitted_on() -> None:
    scores = score_clips(fitted(), noises(4), PARAMS.window)
    assert eer(scores.bonafide, scores.spoof) <= 0.1
    assert scores.bonafide.mean() > 0 > scores.spoof.mean()


def test_a_seed_fits_the_same_twice_and_another_seed_other_crops() -> None:
    other = replace(PARAMS, training=replace(PARAMS.training, seed=6))
    first, second, third = (weights_hash(fitted(p).state_dict()) for p in (PARAMS, PARAMS, other))
    assert first == second != third


def test_a_clip_gives_the_same_features_among_other_clips() -> None:
    clips, rows = noises(1), {}
    for name, part in (("whole", clips), ("fewer", clips.take(range(23, 3, -1)))):
        examples = heard(part)
        rows[name] = dict(zip(part.utterance_ids, examples.features.tolist(), strict=True))
    for utterance, row in rows["fewer"].items():
        assert row == pytest.approx(rows["whole"][utterance], rel=1e-5)


def test_every_pass_cuts_other_crops_and_hears_each_clip_once() -> None:
    clips = noises(1)
    examples = heard(clips, passes=3)
    assert examples.features.shape == (3 * len(clips), 3)
    assert examples.bonafide.tolist() == 3 * clips.bonafide.tolist()
    first, second, third = examples.features[:, 0].reshape(3, -1)
    assert (first != second).any()
    assert (second != third).any()
    assert len(np.unique(first)) == len(clips)


def test_weights_balance_classes_attacks_and_sources_as_batches_do() -> None:
    clips = noises(1)
    weights = Sampler(clips, PARAMS.training, {}).weights()
    ids = np.array([attack or "" for attack in clips.attack_ids])
    sources = np.array([trial.source for trial in clips.trials])
    assert weights.mean() == pytest.approx(1.0)
    assert weights[ids == ""].sum() == pytest.approx(12)
    assert weights[ids == "rare"].sum() == pytest.approx(weights[ids == "low"].sum())
    people = ids == ""
    ofs = [weights[people & (sources == source)].sum() for source in ("a", "b")]
    assert ofs[0] == pytest.approx(ofs[1])
    evenly = replace(PARAMS.training, balanced=False)
    assert np.unique(Sampler(clips, evenly, {}).weights()).tolist() == [1.0]


def test_more_features_than_clips_stay_within_the_penalty() -> None:
    rng = np.random.default_rng(3)
    features = rng.standard_normal((40, 2_000)).astype(np.float32)
    bonafide = np.arange(40) % 2 == 0
    line = fitted_line(Examples(features, bonafide, np.ones(40)), 64 / 2_000)
    scores = features @ line.weights + line.offset  # fitted_line left them standardised
    assert (scores > 0).tolist() == bonafide.tolist()
    assert np.abs(scores).max() < 8.0  # nats: separable clips do not make it certain


def test_features_that_are_not_finite_are_refused_by_the_name_of_the_detector(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Powers, "features", lambda _, waveforms: waveforms[:, :3] / 0)
    with pytest.raises(InputError, match="powers: finite features expected"):
        fitted()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"passes": 0}, "option passes: a whole number 1 to 1000 expected, found 0"),
        ({"inverse_penalty": 0}, "option inverse_penalty: a number 1e-09 to 1e[+]09 expected"),
    ],
)
def test_an_option_out_of_range_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Powers(**options)


def heard(clips: Clips, passes: int = 1) -> Examples:
    """What a fit on these clips hears."""
    found: list[Examples] = []

    class Listening(Powers):
        def fit(self, fitting: Any) -> None:
            found.append(fitting.examples(self.features, 3, passes))

    train(Listening(), clips, noises(2), PARAMS)
    return found[0]


def test_clips_with_windows_of_their_own_are_described_at_their_own_length() -> None:
    lengths = [9_000, 9_000, 12_345, 30_000, 8_000, 20_000]
    rng = np.random.default_rng(9)
    trials = [Trial(f"u{n}", Path("-"), "A" if n % 2 else None) for n in range(len(lengths))]
    voices = [(0.1 * rng.standard_normal(samples)).astype(np.float32) for samples in lengths]
    clips = Clips.from_arrays(trials, voices)
    training = replace(PARAMS.training, crop_samples=16_000)
    sampler = Sampler(clips, training, {}, window=WindowParams(16_000, 8_000, short="own"))
    described = examples(sampler, Powers().features, 3, 1, torch.device("cpu"), ALONE)
    for row in (0, 1, 2, 4):
        (alone,) = Powers().features(torch.from_numpy(clips.waveform(row))[None]).numpy()
        np.testing.assert_allclose(described.features[row], alone, rtol=1e-5)
    assert sampler.waveform(3, np.random.default_rng(1)).size == 16_000
