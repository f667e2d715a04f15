"""The choices inside `training`: its objective, rates, averages, transfer, growth and teacher."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ObjectiveParams:
    """What the losses are set to, and what labels are made of."""

    label_smoothing: float = 0.0
    focal_gamma: float = 2.0
    one_class_scale: float = 20.0
    one_class_bonafide_margin: float = 0.9
    one_class_spoof_margin: float = 0.2
    mixup: float = 0.0


@dataclass(frozen=True)
class ScheduleParams:
    """How the learning rate moves between `learning_rate` and `final_learning_rate`."""

    shape: Literal["cosine", "constant", "one-cycle", "triangular", "restarts"] = "cosine"
    warmup: float = 0.0
    cycles: int = 4


@dataclass(frozen=True)
class AveragingParams:
    """Which average of weights is judged on dev and kept."""

    kind: Literal["none", "ema", "swa"] = "none"
    decay: float = 0.999
    start: float = 0.75
    norm_steps: int = 10


@dataclass(frozen=True)
class TransferParams:
    """How much of the detector moves where training starts from weights."""

    frozen_epochs: int = 0
    frozen_groups: int = 3
    rate_decay: float = 1.0


@dataclass(frozen=True)
class GrowthParams:
    """How many of the clips take part at first."""

    first_share: float = 1.0
    epochs: int = 10


@dataclass(frozen=True)
class DistillationParams:
    """Whose answers a detector learns beside the labels."""

    teacher: str | None = None
    weight: float = 1.0
    temperature: float = 2.0


# name of a parameter -> (lowest, highest) it may be
LEARNING_BOUNDS: dict[str, tuple[float, float]] = {
    "training.accumulate": (1, 65_536),
    "training.objective.label_smoothing": (0.0, 0.5),
    "training.objective.focal_gamma": (0.0, 20.0),
    "training.objective.one_class_scale": (0.1, 1_000.0),
    "training.objective.one_class_bonafide_margin": (-1.0, 1.0),
    "training.objective.one_class_spoof_margin": (-1.0, 1.0),
    "training.objective.mixup": (0.0, 10.0),
    "training.schedule.warmup": (0.0, 0.9),
    "training.schedule.cycles": (1, 10_000),
    "training.averaging.decay": (0.0, 0.999999),
    "training.averaging.start": (0.0, 0.99),
    "training.averaging.norm_steps": (1, 10_000),
    "training.transfer.frozen_epochs": (0, 100_000),
    "training.transfer.frozen_groups": (1, 1_000),
    "training.transfer.rate_decay": (0.01, 1.0),
    "training.growth.first_share": (0.001, 1.0),
    "training.growth.epochs": (1, 100_000),
    "training.distillation.weight": (0.0, 1e6),
    "training.distillation.temperature": (0.1, 100.0),
}
