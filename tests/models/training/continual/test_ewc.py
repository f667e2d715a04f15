from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from models.data.clips import Clips
from models.training.continual.ewc import ElasticWeights, fisher_diagonal
from models.training.continual.listening import each_clip
from tests.small import SmallWindow
from tests.tolerances import rounding

CPU = torch.device("cpu")
WINDOW = SmallWindow(hop=32_300)
pytestmark = pytest.mark.usefixtures("one_thread")


def by_definition(detector: nn.Module, waveforms: list[Tensor]) -> dict[str, Tensor]:
    """The expectation over both answers, each with a backward pass of its own."""
    fisher = {name: torch.zeros_like(value) for name, value in detector.named_parameters()}
    for waveform in waveforms:
        for label in (0, 1):
            detector.zero_grad()
            likelihood = detector(waveform).log_softmax(1)[0, label]
            likelihood.backward()
            for name, value in detector.named_parameters():
                if value.grad is not None:
                    fisher[name] += likelihood.exp().item() * value.grad.square() / len(waveforms)
    return fisher


def test_the_fisher_information_is_that_of_the_definition(
    tiny_detector: Callable[[], nn.Module], train_clips: Clips
) -> None:
    detector, clips = tiny_detector(), train_clips.take(range(8, 16))
    fisher = fisher_diagonal(detector, clips, WINDOW, CPU)
    pairs = list(each_clip(detector, clips, WINDOW, CPU))
    expected = by_definition(detector.eval(), pairs)
    for name, value in expected.items():
        rounded = rounding(len(clips) * WINDOW.samples, float(value.max()))
        torch.testing.assert_close(fisher[name], value, rtol=0, atol=rounded)


def test_where_it_starts_nothing_pulls_and_further_off_it_pulls_harder(
    tiny_detector: Callable[[], nn.Module], train_clips: Clips
) -> None:
    detector = tiny_detector()
    anchor = ElasticWeights.of(detector, train_clips, WINDOW, CPU, weight=2.0)
    logits, pulls = torch.zeros(1, 2), []
    for _ in range(3):
        pulls.append(float(anchor.penalty(detector, logits, logits, logits).detach()))
        with torch.no_grad():
            for value in detector.parameters():
                value.add_(0.1)
    count = sum(value.numel() for value in detector.parameters())
    # a mean importance of one: each weight pulls by weight / 2 · distance² in the mean
    assert pulls == pytest.approx([0.0, 0.01 * count, 0.04 * count], rel=rounding(count))


def test_looking_at_old_clips_changes_nothing_in_the_detector(
    tiny_detector: Callable[[], nn.Module], train_clips: Clips
) -> None:
    detector, untouched = tiny_detector().train(), tiny_detector().train()
    ElasticWeights.of(detector, train_clips, WINDOW, CPU, weight=1.0)
    assert all(module.training for module in detector.modules())
    assert all(value.grad is None for value in detector.parameters())
    for name, value in untouched.state_dict().items():
        assert torch.equal(detector.state_dict()[name], value)
