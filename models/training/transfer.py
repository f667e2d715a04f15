"""Training that starts from weights: the front frozen at first, smaller rates in front."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from models.detectors.detector import Detector
from models.errors import InputError
from models.params.training import TrainingParams
from models.tables import OPTIMISERS, LazyTable

SCALE = "scale"  # of the learning rate, in a parameter group of the optimiser
_OPTIMISERS: LazyTable[type[torch.optim.Adam]] = LazyTable(OPTIMISERS)


@dataclass(frozen=True)
class Front:
    """The blocks that stay as they are in the first epochs, batch norm statistics too."""

    epochs: int = 0
    weights: tuple[nn.Parameter, ...] = ()
    norms: tuple[nn.Module, ...] = ()

    @classmethod
    def of(cls, detector: nn.Module, training: TrainingParams) -> Front:
        """As `training.transfer` asks; raises InputError where nothing would be left to learn."""
        transfer = training.transfer
        if transfer.frozen_epochs == 0:
            return cls()
        groups = _depth_groups(detector)
        if transfer.frozen_groups >= len(groups):
            raise InputError(
                f"training.transfer.frozen_groups: fewer than the {len(groups)} blocks of the "
                f"detector expected, found {transfer.frozen_groups}"
            )
        names = [name for group in groups[: transfer.frozen_groups] for name in group]
        weights = (w for name, w in detector.named_parameters() if _within(name, names))
        norms = (n for name, n in detector.named_modules() if _within(name, names))
        return cls(
            transfer.frozen_epochs,
            tuple(weight for weight in weights if weight.requires_grad),
            tuple(norm for norm in norms if isinstance(norm, _BatchNorm)),
        )

    def hold(self, epoch: int) -> None:
        """Freeze or free the blocks for a step of an epoch from 0, in training mode."""
        frozen = epoch < self.epochs
        for weight in self.weights:
            weight.requires_grad_(not frozen)
        for norm in self.norms:
            norm.train(not frozen)

    def held_norms(self, epoch: int) -> tuple[nn.Module, ...]:
        """The modules that keep their statistics in an epoch from 0."""
        return self.norms if epoch < self.epochs else ()


def build_optimiser(detector: nn.Module, training: TrainingParams) -> torch.optim.Optimizer:
    """The optimiser over all weights that learn.

    Rates shrink from the head to the front by `rate_decay`, and by the detector's own shares.
    """
    kind = _OPTIMISERS[training.optimiser]
    decay = training.transfer.rate_decay
    depths = [("",)] if decay == 1.0 else _depth_groups(detector)
    shares = detector.learning_rates() if isinstance(detector, Detector) else {}
    groups: dict[tuple[int, float], list[nn.Parameter]] = {}
    for name, weight in detector.named_parameters():
        if weight.requires_grad:
            place = next(place for place, depth in enumerate(depths) if _within(name, depth))
            share = next((part for key, part in shares.items() if _within(name, [key])), 1.0)
            groups.setdefault((place, share), []).append(weight)
    return kind(
        [
            {"params": groups[place, share], SCALE: decay ** (len(depths) - 1 - place) * share}
            for place, share in sorted(groups)
        ],
        lr=training.learning_rate,
        weight_decay=training.weight_decay,
    )


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give every group of weights its part of a learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group[SCALE]


def _depth_groups(detector: nn.Module) -> Sequence[Sequence[str]]:
    return detector.depth_groups() if isinstance(detector, Detector) else [("",)]


def _within(name: str, places: Iterable[str]) -> bool:
    """Whether a module or parameter is one of those at `places` or inside one; '' is the whole."""
    return any(place in ("", name) or name.startswith(f"{place}.") for place in places)
