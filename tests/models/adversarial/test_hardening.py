from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from models.adversarial.hardening import AttackedShare, harden
from models.adversarial.robustness import attacked_scores
from models.data.clips import Clips
from models.params.adversarial import AdversarialParams
from models.params.tree import Params
from models.training.state import weights_hash
from models.training.train import train

pytestmark = pytest.mark.slow

STRONG = AdversarialParams(
    epochs=4, attack="pgd", snr_db=15.0, steps=3, share=0.5, learning_rate=0.01
)


def test_zero_epochs_pass_the_detector_through(
    tiny_detector: Callable[[], nn.Module],
    train_clips: Clips,
    dev_clips: Clips,
    tiny_params: Params,
) -> None:
    detector = tiny_detector()
    before = weights_hash(detector.state_dict())
    params = replace(tiny_params, adversarial=AdversarialParams(epochs=0))
    assert harden(detector, train_clips, dev_clips, params) is None
    assert weights_hash(detector.state_dict()) == before


@pytest.mark.parametrize(("attack", "steps"), [("pgd", 3), ("fgsm-rs", 1), ("free", 6)])
def test_a_hardened_detector_withstands_more_than_one_that_only_learnt_on(
    attack: str,
    steps: int,
    tiny_detector: Callable[[], nn.Module],
    train_clips: Clips,
    dev_clips: Clips,
    tiny_params: Params,
) -> None:
    def separation(share: float, seed: int) -> float:
        """Of the classes under attack, in standard deviations, where so much is hardened."""
        hardening = replace(STRONG, attack=attack, steps=steps, share=share)
        training = replace(tiny_params.training, epochs=6, steps_per_epoch=10, seed=seed)
        params = replace(tiny_params, training=training, adversarial=hardening)
        detector = tiny_detector()
        train(detector, train_clips, dev_clips, params)
        result = harden(detector, train_clips, dev_clips, params)
        assert result is not None
        assert len(result.history) == 4
        scores = attacked_scores(detector, dev_clips, params.window, "pgd", 15.0, 99, seed=1)
        return float((scores.bonafide.mean() - scores.spoof.mean()) / scores.cm_scores.std())

    gains = [separation(1.0, seed) - separation(0.0, seed) for seed in (1, 2, 3)]
    assert np.mean(gains) > 0.1


def test_only_the_share_is_attacked(tiny_detector: Callable[[], nn.Module]) -> None:
    waveforms = 0.1 * torch.randn(10, 700, generator=torch.Generator().manual_seed(1))
    labels = torch.tensor([0, 1] * 5)
    for share, expected in ((0.0, 0), (0.3, 3), (1.0, 10)):
        out = AttackedShare("fgsm", 20.0, 1, share)(
            tiny_detector(), waveforms, labels, torch.Generator().manual_seed(2)
        )
        assert (out != waveforms).any(dim=1).sum() == expected
