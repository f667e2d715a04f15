"""Which attack must not be weaker than which, on a detector that has learnt something."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.adversarial import ATTACKS_ON_DETECTORS
from models.adversarial.apgd import checkpoints
from models.adversarial.perturbing import perturb
from models.adversarial.problem import Problem
from models.adversarial.universal import PERIOD, Universal, learn_universal
from models.data.clips import Clips
from models.errors import InputError
from tests.small import SmallWindow
from tests.tolerances import decibels, rounding

WINDOW = SmallWindow()
SNR_DB = 15.0


def batch(clips: Clips, samples: int = 600) -> tuple[Tensor, Tensor]:
    waveforms = np.stack([clips.part(i, 0, samples) for i in range(len(clips))])
    return torch.from_numpy(waveforms), torch.from_numpy(clips.bonafide.astype(np.int64))


def error(detector: nn.Module, waveforms: Tensor, labels: Tensor) -> Tensor:
    """Score on the wrong side (clips,)."""
    return Problem(waveforms, SNR_DB, detector, labels, 1, torch.Generator()).error_of(waveforms)


def attacked(
    detector: nn.Module, clips: Clips, name: str, steps: int = 10, snr_db: float = SNR_DB
) -> float:
    """Mean error under attack."""
    waveforms, labels = batch(clips)
    generator = torch.Generator().manual_seed(4)
    out = perturb(
        detector, waveforms, labels, attack=name, snr_db=snr_db, steps=steps, generator=generator
    )
    return float(error(detector, out, labels).mean())


@pytest.mark.parametrize("name", ATTACKS_ON_DETECTORS)
def test_every_attack_makes_the_detector_more_wrong(
    name: str, trained_detector: nn.Module, dev_clips: Clips
) -> None:
    clean = float(error(trained_detector, *batch(dev_clips)).mean())
    assert attacked(trained_detector, dev_clips, name) > clean + 0.01


def test_many_steps_are_stronger_than_one(trained_detector: nn.Module, dev_clips: Clips) -> None:
    errors = {n: attacked(trained_detector, dev_clips, n) for n in ATTACKS_ON_DETECTORS}
    assert errors["pgd"] > errors["fgsm"]
    assert errors["pgd-linf"] >= errors["fgsm"] - 0.02 * abs(errors["fgsm"])
    assert errors["pgd"] > max(errors["square"], errors["nes"])


@pytest.mark.parametrize("steps", [5, 10, 30])
def test_steps_that_choose_their_length_are_not_weaker(
    steps: int, trained_detector: nn.Module, dev_clips: Clips
) -> None:
    pgd = attacked(trained_detector, dev_clips, "pgd", steps)
    assert attacked(trained_detector, dev_clips, "apgd", steps) >= pgd - 0.02 * abs(pgd)


@pytest.mark.parametrize("name", ATTACKS_ON_DETECTORS)
def test_a_lower_snr_is_not_weaker(
    name: str, trained_detector: nn.Module, dev_clips: Clips
) -> None:
    quiet, loud = (attacked(trained_detector, dev_clips, name, snr_db=snr) for snr in (40.0, 15.0))
    assert loud > quiet


def test_checkpoints_are_those_of_the_paper() -> None:
    assert list(checkpoints(100)) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert sum(checkpoints(100).values()) == 99
    assert set(checkpoints(1)) <= {1}


def test_a_universal_perturbation_works_on_clips_and_lengths_it_has_not_seen(
    trained_detector: nn.Module, train_clips: Clips, dev_clips: Clips
) -> None:
    patterns = learn_universal(
        trained_detector, train_clips, WINDOW, SNR_DB, steps=40, seed=1, batch_size=16
    )
    random = Universal(torch.randn(2, PERIOD, generator=torch.Generator().manual_seed(1)))
    for samples in (600, 890):
        waveforms, labels = batch(dev_clips.take(range(20)), samples)

        def mean_error(
            universal: Universal, waveforms: Tensor = waveforms, labels: Tensor = labels
        ) -> float:
            generator = torch.Generator().manual_seed(2)
            out = universal.perturb(waveforms, labels, SNR_DB, generator)
            snr = 20 * torch.log10(waveforms.norm(dim=1) / (out - waveforms).norm(dim=1))
            assert snr.min() >= SNR_DB - decibels(rounding(waveforms.shape[1]))
            return float(error(trained_detector, out, labels).mean())

        clean = float(error(trained_detector, waveforms, labels).mean())
        assert mean_error(patterns) > clean + 0.01
        assert mean_error(patterns) > mean_error(random) + 0.01


def test_a_universal_perturbation_is_the_same_under_one_seed(
    trained_detector: nn.Module, train_clips: Clips
) -> None:
    one, two, other = (
        learn_universal(trained_detector, train_clips, WINDOW, SNR_DB, steps=2, seed=seed).patterns
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_a_universal_perturbation_needs_both_classes(
    trained_detector: nn.Module, train_clips: Clips
) -> None:
    people = train_clips.take(np.flatnonzero(train_clips.bonafide))
    with pytest.raises(InputError, match="both classes"):
        learn_universal(trained_detector, people, WINDOW, SNR_DB, steps=1, seed=1)
