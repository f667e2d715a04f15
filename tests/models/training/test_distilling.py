"""A teacher beside the labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from models.detectors import build_detector
from models.errors import InputError
from models.packaging.checkpoint import save_detector
from models.params.learning import DistillationParams
from models.params.window import WindowParams
from models.training.continual.anchor import Anchor
from models.training.distilling import taught, teacher_folder

CPU = torch.device("cpu")
NARROW: dict[str, Any] = {"sinc_filters": 12, "widths": [4, 4], "graph_dims": [8, 8]}


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    detector = build_detector("aasist", NARROW).eval()
    save_detector(detector, tmp_path / "teacher", WindowParams(samples=8_000, hop=8_000))
    return tmp_path / "teacher"


def test_without_a_teacher_nothing_is_added() -> None:
    anchor = Anchor()
    assert teacher_folder(DistillationParams(), Path("champion")) is None
    assert taught(anchor, None, CPU) is anchor


def test_the_champion_teaches_as_soon_as_there_is_one(tmp_path: Path) -> None:
    distillation = DistillationParams(teacher="champion")
    assert teacher_folder(distillation, tmp_path / "champion") is None
    (tmp_path / "champion").mkdir()
    assert teacher_folder(distillation, tmp_path / "champion") == tmp_path / "champion"


def test_a_teacher_that_is_not_there_is_named() -> None:
    distillation = DistillationParams(teacher="nobody")
    with pytest.raises(InputError, match=r"training\.distillation\.teacher: .* no nobody"):
        teacher_folder(distillation, Path("champion"))


def test_a_student_of_another_size_is_drawn_towards_its_teacher(teacher: Path) -> None:
    torch.manual_seed(2)
    student = build_detector("aasist", {**NARROW, "widths": [3], "graph_dims": [4, 4]}).train()
    clips, labels = 0.1 * torch.randn(4, 8_000), torch.tensor([0, 0, 1, 1])
    anchor = taught(Anchor(), teacher, CPU)
    optimiser = torch.optim.Adam(student.parameters(), lr=3e-3)
    penalties = []
    for _ in range(20):
        optimiser.zero_grad()
        penalty = anchor.penalty(student, clips, labels, student(clips))
        penalty.backward()
        optimiser.step()
        penalties.append(penalty.item())
    assert sum(penalties[-5:]) < 0.5 * sum(penalties[:5])


def test_another_teacher_is_another_training(teacher: Path) -> None:
    first = repr(taught(Anchor(), teacher, CPU))
    torch.manual_seed(5)
    other = build_detector("aasist", NARROW).eval()
    save_detector(other, teacher, WindowParams(samples=8_000, hop=8_000))
    assert repr(taught(Anchor(), teacher, CPU)) != first
