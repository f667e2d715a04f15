from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from models.adversarial.masking import guard_gradients, own_examples_are_worse
from models.adversarial.robustness import Attack
from models.data.clips import Clips
from tests.small import SmallWindow

WINDOW = SmallWindow()
ATTACK = Attack("pgd", 25.0, steps=5, queries=60)


class Coarse(nn.Module):
    """Hears a few levels only: as weak as what it wraps, and its gradient is zero."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, waveforms: Tensor) -> Tensor:
        logits: Tensor = self.detector((waveforms * 64).round() / 64)
        return logits


def guards(detector: nn.Module, clips: Clips) -> dict[str, bool]:
    return {g.name: g.holds for g in guard_gradients(detector, clips, WINDOW, ATTACK, seed=1)}


def test_a_plain_detector_passes_every_guard(trained_detector: nn.Module, dev_clips: Clips) -> None:
    assert guards(trained_detector, dev_clips) == {
        "white_box_is_stronger": True,
        "more_steps_are_stronger": True,
        "unbounded_attack_succeeds": True,
    }


def test_masked_gradients_are_told(trained_detector: nn.Module, dev_clips: Clips) -> None:
    results = guards(Coarse(trained_detector), dev_clips)
    assert not results["white_box_is_stronger"]
    assert not results["unbounded_attack_succeeds"]


def test_a_guard_that_fails_says_what_it_means(
    trained_detector: nn.Module, dev_clips: Clips
) -> None:
    failed = guard_gradients(Coarse(trained_detector), dev_clips, WINDOW, ATTACK, seed=1)[0]
    assert "the gradients are masked" in failed.warning
    assert failed.to_json() == {
        "holds": False,
        "push_white_box": pytest.approx(failed.figures["push_white_box"]),
        "push_black_box": pytest.approx(failed.figures["push_black_box"]),
    }
    assert failed.figures["push_black_box"] > failed.figures["push_white_box"]


def test_looking_for_masks_leaves_the_detector_as_it_was(
    trained_detector: nn.Module, dev_clips: Clips
) -> None:
    before = {name: value.clone() for name, value in trained_detector.state_dict().items()}
    guards(trained_detector, dev_clips.take([0, 1, 20, 21]))
    assert not trained_detector.training
    after = trained_detector.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_examples_of_another_detector_must_not_hurt_more_than_own() -> None:
    own = {"fgsm": 0.2, "pgd": 0.4}
    assert own_examples_are_worse(own, {"fgsm": 0.1, "pgd": 0.42}).holds
    failed = own_examples_are_worse(own, {"fgsm": 0.1, "pgd": 0.7})
    assert not failed.holds
    assert "what pgd made on the champion brings the candidate to an EER of 70.0%" in failed.warning
