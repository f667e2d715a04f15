from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from models.data.clips import Clips
from models.params.learning import ObjectiveParams
from models.params.tree import Params
from models.training.sharpness import climbed
from models.training.train import train

RADIUS = 0.25


def with_gradient(detector: nn.Module) -> nn.Module:
    detector(torch.randn(8, 900)).square().sum().backward()
    return detector


def gradient_of(detector: nn.Module) -> torch.Tensor:
    return torch.cat([w.grad.ravel() for w in detector.parameters() if w.grad is not None])


def weights_of(detector: nn.Module) -> torch.Tensor:
    return torch.cat([weight.detach().ravel().clone() for weight in detector.parameters()])


def test_weights_climb_by_the_radius_along_their_gradient(
    tiny_detector: Callable[[], nn.Module],
) -> None:
    detector = with_gradient(tiny_detector())
    before, gradient = weights_of(detector), gradient_of(detector)
    with climbed(detector, RADIUS):
        climb = weights_of(detector) - before
    torch.testing.assert_close(climb, RADIUS * gradient / gradient.norm(), rtol=1e-4, atol=1e-6)


def test_weights_and_running_statistics_are_as_before_afterwards(
    tiny_detector: Callable[[], nn.Module],
) -> None:
    detector = with_gradient(tiny_detector())
    before = {name: value.clone() for name, value in detector.state_dict().items()}
    with climbed(detector, RADIUS):
        detector(torch.randn(8, 900))
    for name, value in detector.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_a_gradient_of_zero_climbs_nowhere(tiny_detector: Callable[[], nn.Module]) -> None:
    detector = with_gradient(tiny_detector())
    for weight in detector.parameters():
        weight.grad = torch.zeros_like(weight)
    before = weights_of(detector)
    with climbed(detector, RADIUS):
        assert torch.equal(weights_of(detector), before)


def test_a_training_follows_the_gradient_of_the_top(
    tiny_detector: Callable[[], nn.Module],
    train_clips: Clips,
    dev_clips: Clips,
    tiny_params: Params,
    one_thread: None,  # noqa: ARG001
) -> None:
    def trained(sharpness: float) -> torch.Tensor:
        objective = ObjectiveParams(sharpness=sharpness)
        training = replace(tiny_params.training, objective=objective)
        detector = tiny_detector()
        train(detector, train_clips, dev_clips, replace(tiny_params, training=training))
        return weights_of(detector)

    flat, near, again = trained(0.0), trained(1e-6), trained(1e-6)
    assert torch.equal(near, again)
    assert 0.0 < (near - flat).norm() < (trained(0.5) - flat).norm()
