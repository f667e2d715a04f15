from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from models.training.continual.distillation import Distillation
from tests.tolerances import rounding


class Says(nn.Module):
    """Answers whatever it hears with the same logits."""

    def __init__(self, spoof: float, bonafide: float) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor([spoof, bonafide]))

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(waveforms), 2)


WAVEFORMS, LABELS = torch.zeros(4, 600), torch.tensor([1, 1, 0, 0])


def test_the_penalty_is_the_divergence_from_the_first_answers() -> None:
    was, now = Says(0.0, 3.0), Says(1.0, 0.0)
    penalty = Distillation(was, 0.5, 2.0).penalty(now, WAVEFORMS, LABELS, now(WAVEFORMS))
    old, new = (torch.softmax(answer.logits.detach() / 2.0, 0) for answer in (was, now))
    expected = 0.5 * 4.0 * (old * (old / new).log()).sum().item()
    assert penalty.item() == pytest.approx(expected, abs=rounding(16))


def test_equal_answers_cost_nothing_and_the_teacher_stays_as_it_was() -> None:
    detector = Says(0.0, 3.0)
    anchor = Distillation(detector, 1.0, 2.0)
    assert anchor.penalty(detector, WAVEFORMS, LABELS, detector(WAVEFORMS)).item() == 0.0
    with torch.no_grad():
        detector.logits.add_(torch.tensor([2.0, 0.0]))
    penalty = anchor.penalty(detector, WAVEFORMS, LABELS, detector(WAVEFORMS))
    penalty.backward()
    assert penalty.item() > 0.1
    assert detector.logits.grad is not None
    assert all(value.grad is None for value in anchor.teacher.parameters())


def test_bona_fide_answers_can_be_held_alone() -> None:
    was = Says(0.0, 3.0)
    logits = torch.tensor([[0.0, 3.0], [0.0, 3.0], [9.0, 0.0], [9.0, 0.0]])  # spoofs differ
    held = Distillation(was, 1.0, 1.0, bonafide_only=True)
    penalty = held.penalty(was, WAVEFORMS, LABELS, logits).item()
    assert penalty == pytest.approx(0.0, abs=rounding(16))
    assert held.penalty(was, WAVEFORMS, torch.zeros(4, dtype=torch.int64), logits).item() == 0.0
    assert Distillation(was, 1.0, 1.0).penalty(was, WAVEFORMS, LABELS, logits).item() > 1.0


def test_the_teacher_answers_without_dropout(tiny_detector: Callable[[], nn.Module]) -> None:
    detector = tiny_detector().train()
    anchor = Distillation(detector, 1.0, 2.0)
    logits, waveforms = torch.zeros(4, 2), torch.randn(4, 600)
    first, again = (anchor.penalty(detector, waveforms, LABELS, logits) for _ in range(2))
    assert first.item() == again.item()
