"""Features of fronts that do not learn are computed once for what is heard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.data.clips import Clips
from models.detectors import Detector, build_detector
from models.detectors.spectrum import Spectrum
from models.params.training import TrainingParams
from models.params.tree import Params
from models.params.window import WindowParams
from models.training.execution import Execution
from models.training.features import FeatureCache
from models.training.scoring import score_clips
from models.training.state import weights_hash
from models.training.train import train
from models.trials import Trial

PARAMS = Params(
    window=WindowParams(8_000, 4_000),
    training=TrainingParams(crop_samples=8_000, seed=5),
    augmentation={"gain": 0.5},
)

pytestmark = pytest.mark.usefixtures("one_thread")


def noises(seed: int, count: int = 16) -> Clips:
    rng, trials, waveforms = np.random.default_rng(seed), [], []
    for number in range(count):
        white = 0.1 * rng.standard_normal(12_001)
        spoof = number % 2 == 1
        trials.append(Trial(f"{seed}-{number}", Path("-"), "low" if spoof else None))
        waveforms.append((white[1:] + 0.5 * spoof * white[:-1]).astype(np.float32))
    return Clips.from_arrays(trials, waveforms)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many clips the front computed features of, batch by batch."""
    counts: list[int] = []
    plain = Spectrum.features

    def counted(self: Spectrum, waveforms: Tensor) -> Tensor:
        if len(waveforms) > 1 or waveforms.shape[1] != 8_000 or float(waveforms.std()) != _PROBE:
            counts.append(len(waveforms))
        return plain(self, waveforms)

    monkeypatch.setattr(Spectrum, "features", counted)
    return counts


_PROBE = float((0.1 * torch.randn(1, 8_000, generator=torch.Generator().manual_seed(0))).std())


def spectrum(**options: Any) -> Spectrum:
    detector = build_detector("spectrum", {"frame": 128, "fft": 128, **options})
    assert isinstance(detector, Spectrum)
    return detector


def fitted(cache: FeatureCache | None, **options: Any) -> Detector:
    torch.manual_seed(1)
    detector = spectrum(**options)
    train(detector, noises(1), noises(2), PARAMS, run=Execution(features=cache))
    return detector


def test_a_second_experiment_computes_nothing_and_comes_to_the_same(
    tmp_path: Path, computed: list[int]
) -> None:
    cache = FeatureCache(tmp_path / "features")
    plain, first = fitted(None), fitted(cache)
    assert sum(computed) > 0
    computed.clear()
    second = fitted(cache)
    assert sum(computed) == 0
    hashes = [weights_hash(detector.state_dict()) for detector in (plain, first, second)]
    assert hashes[0] == hashes[1] == hashes[2]


def test_another_penalty_hears_nothing_anew_and_another_front_everything(
    tmp_path: Path, computed: list[int]
) -> None:
    cache = FeatureCache(tmp_path / "features")
    fitted(cache)
    computed.clear()
    fitted(cache, inverse_penalty=2.0)
    assert sum(computed) == 0
    fitted(cache, hop=80)
    assert sum(computed) > 0


def test_other_clips_around_a_clip_do_not_change_its_crop(
    tmp_path: Path, computed: list[int]
) -> None:
    cache = FeatureCache(tmp_path / "features")
    fitted(cache)
    computed.clear()
    train(
        spectrum(), noises(1).take(range(4, 12)), noises(2), PARAMS, run=Execution(features=cache)
    )
    assert sum(computed) == 0


def test_scores_are_the_same_with_and_without(tmp_path: Path) -> None:
    detector, cache = fitted(None), FeatureCache(tmp_path / "features")
    without = score_clips(detector, noises(3), PARAMS.window)
    scores = [score_clips(detector, noises(3), PARAMS.window, cache=cache) for _ in range(2)]
    assert without.cm_scores.tolist() == scores[0].cm_scores.tolist()
    assert scores[0].cm_scores.tolist() == scores[1].cm_scores.tolist()


def test_weights_of_the_front_are_part_of_its_key(tmp_path: Path) -> None:
    class Weighted(Spectrum):
        def __init__(self) -> None:
            super().__init__(frame=128, fft=128)
            self.name, self.options = "weighted", {}
            self.gain = torch.nn.Parameter(torch.ones(()), requires_grad=False)

        def features(self, waveforms: Tensor) -> Tensor:
            return super().features(waveforms * self.gain)

    front, cache = Weighted(), FeatureCache(tmp_path / "features")
    waveforms = torch.from_numpy(noises(1).part(0, 0, 8_000))[None]
    first = cache.of(front, torch.device("cpu"))(waveforms)
    front.gain.fill_(0.5)
    with torch.inference_mode():
        other = cache.of(front, torch.device("cpu"))(waveforms)
        assert torch.equal(other, front.features(waveforms))
    assert not torch.equal(first, other)


def test_the_folder_stays_within_its_bound(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "features", most_bytes=4_000)
    for _ in range(2):
        fitted(cache)
    cache.of(spectrum(), torch.device("cpu"))
    sizes = [path.stat().st_size for path in (tmp_path / "features").rglob("*") if path.is_file()]
    assert sum(sizes) <= 4_000
