from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from models.data.clips import Clips
from models.training.continual.listening import each_clip
from models.training.continual.projection import (
    Projection,
    Ratio,
    by_attention,
    by_count,
    projectors,
)
from tests.small import SmallWindow
from tests.tolerances import rounding

CPU = torch.device("cpu")
WINDOW = SmallWindow(hop=32_300)
LABELS = torch.tensor([1, 1, 1, 0])
pytestmark = pytest.mark.usefixtures("one_thread")


def inputs_of(layer: nn.Module, detector: nn.Module, clips: Clips) -> list[Tensor]:
    inputs: list[Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, args: inputs.append(args[0]))
    for waveform in each_clip(detector, clips, WINDOW, CPU):
        detector(waveform)
    hook.remove()
    return inputs


def test_recursive_least_squares_is_the_regularised_inverse(
    tiny_detector: Callable[[], nn.Module], train_clips: Clips
) -> None:
    detector = tiny_detector()
    away = projectors(detector, train_clips, WINDOW, CPU)
    assert {name: len(matrix) for name, matrix in away.items()} == {"filters": 18, "out": 7}
    means = [x.mean(0) for x in inputs_of(detector.out, detector, train_clips)]
    inputs = torch.stack([torch.cat([mean, torch.ones(1)]) for mean in means])
    expected = torch.linalg.inv(torch.eye(7).double() + inputs.double().T @ inputs.double())
    updates = rounding(len(inputs) * 7)  # of a matrix of shares, 7 products each
    torch.testing.assert_close(away["out"].double(), expected, rtol=0, atol=updates)


def test_a_convolution_is_described_by_the_patches_it_multiplies(
    tiny_detector: Callable[[], nn.Module], train_clips: Clips
) -> None:
    detector, clips = tiny_detector(), train_clips.take([3])
    away = projectors(detector, clips, WINDOW, CPU)["filters"]
    (waveform,) = each_clip(detector, clips, WINDOW, CPU)
    patch = torch.cat([waveform[0].unfold(0, 17, 4).mean(0), torch.ones(1)])
    torch.testing.assert_close(away @ patch, patch / (1 + patch @ patch))


def test_a_guarded_step_leaves_old_answers_alone(
    tiny_detector: Callable[[], nn.Module], train_clips: Clips
) -> None:
    moved = {}
    for parallel in (0.0, 1.0):
        detector = tiny_detector().eval()
        old = [x.mean(0) for x in inputs_of(detector.out, detector, train_clips)]
        inputs = torch.stack(old * 50)  # what is heard often is held hard
        before = detector.out(inputs).detach()
        repeated = train_clips.take(list(range(24)) * 50)
        anchor = Projection(projectors(detector, repeated, WINDOW, CPU), parallel, by_count)
        anchor.penalty(detector, inputs, torch.tensor([1, 0]), torch.zeros(2, 2))
        with anchor.guard(detector), torch.no_grad():
            detector.out.weight.add_(0.1 * torch.randn(2, 6))
            detector.out.bias.add_(0.1)
        moved[parallel] = (detector.out(inputs) - before).abs().mean().item()
    assert moved[0.0] < 0.05 * moved[1.0]


@pytest.mark.parametrize("ratio", [by_count, by_attention])
def test_what_a_batch_lets_through_does_not_depend_on_its_parts(ratio: Ratio) -> None:
    labels = torch.tensor([1, 1, 0, 0, 0, 1, 0])
    logits = torch.randn(7, 2, generator=torch.Generator().manual_seed(3))
    anchor = Projection({}, 0.1, ratio)
    betas = []
    for parts in (1, 3, 7):
        anchor.begin()
        for part in range(parts):
            rows = slice(part, None, parts)
            anchor.penalty(nn.Identity(), logits[rows], labels[rows], logits[rows])
        betas.append(anchor.beta)
    expected = float(0.1 * ratio(labels, logits))
    assert betas == [pytest.approx(expected, rel=rounding(4 * len(logits)))] * 3


def test_all_of_a_step_passes_where_all_may(
    tiny_detector: Callable[[], nn.Module], train_clips: Clips
) -> None:
    detector = tiny_detector()
    anchor = Projection(projectors(detector, train_clips, WINDOW, CPU), 1.0, by_count)
    anchor.penalty(detector, torch.zeros(4, 8), LABELS, torch.zeros(4, 2))
    expected = {name: value.detach() + 0.25 for name, value in detector.named_parameters()}
    with anchor.guard(detector), torch.no_grad():
        for value in detector.parameters():
            value.add_(0.25)
    for name, value in detector.named_parameters():
        torch.testing.assert_close(value.detach(), expected[name])


def test_the_ratio_of_classes_is_counted_or_weighted_by_certainty() -> None:
    logits = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    rel = rounding(4 * len(logits))
    assert by_count(LABELS, logits).item() == 3.0
    assert by_attention(LABELS, logits).item() == pytest.approx(3.0, rel=rel)
    sure_of_the_spoof = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [2.0, 0.0]])
    assert by_count(LABELS, sure_of_the_spoof).item() == 3.0
    assert by_attention(LABELS, sure_of_the_spoof).item() == pytest.approx(3 / torch.e**2, rel=rel)


def test_a_batch_of_bona_fide_alone_divides_by_nothing() -> None:
    real = torch.ones(4, dtype=torch.int64)
    assert by_count(real, torch.zeros(4, 2)).isfinite()
    assert by_attention(real, torch.zeros(4, 2)).isfinite()
