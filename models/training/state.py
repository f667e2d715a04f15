"""Where a training stands, on disk: one file, whole or not at all, read without unpickling."""

from __future__ import annotations

import hashlib
import json
import logging
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.augmentations.processing.recordings import describe_audio
from models.compute.distributed import ALONE, World
from models.data.clips import Clips
from models.files.whole_files import written_beside
from models.params.tree import Params

_FORMAT = 2
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EpochResult:
    """What one epoch came to. Rates are in 0–1."""

    epoch: int  # from 1
    step: int  # training steps done by its end
    train_loss: float  # mean over its steps
    dev_loss: float
    dev_eer: float
    learning_rate: float  # of its last step
    seconds: float = field(compare=False)  # since it began, or since the training was taken up


@dataclass
class TrainingState:
    """The state of a training, besides those of the detector and of the optimiser."""

    step: int = 0  # steps done
    loss_sum: float = 0.0  # over the steps of the unfinished epoch
    history: list[EpochResult] = field(default_factory=list)
    best: dict[str, Tensor] | None = None  # weights of the best epoch, on the CPU
    stopped: str | None = None  # the reason, once training is over
    batch_size: int = 0  # clips of a step
    micro_batch: int = 0  # clips of it that are worked off at once
    average: dict[str, Tensor] | None = None  # of the weights, where the detector is
    averaged: int = 0  # how many weights went into the average


@dataclass(frozen=True)
class Checkpoint:
    """The file that one training goes on from; without a path nothing is kept."""

    path: Path | None
    fingerprint: str  # of the training that it belongs to
    detector: nn.Module
    optimiser: torch.optim.Optimizer
    world: World = ALONE

    def save(self, state: TrainingState) -> None:
        """Write everything, whole or not at all; the leading process alone."""
        if self.path is None or not self.world.leads:
            return
        document = {
            "format": _FORMAT,
            "fingerprint": self.fingerprint,
            **{field.name: getattr(state, field.name) for field in fields(state)},
            "history": [asdict(epoch) for epoch in state.history],
            "detector": self.detector.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with written_beside(self.path) as scratch:
            torch.save(document, scratch)

    def load(self) -> TrainingState | None:
        """Take up the training where it stands; None where the file is absent or of another one.

        A file that cannot be read, or that belongs to another training (other parameters, trials
        or first weights), is logged and left aside: the next checkpoint takes its place. Of several
        processes the leading one reads, and all take up what it read.
        """
        if self.path is None:
            return None
        document = self.world.of_leader(self._document() if self.world.leads else None)
        if document is None:
            return None
        self.detector.load_state_dict(document["detector"])
        self.optimiser.load_state_dict(document["optimiser"])
        _log.info("%s: training goes on from step %d", self.path, document["step"])
        state = TrainingState(
            **{field.name: document[field.name] for field in fields(TrainingState)}
        )
        state.history = [EpochResult(**epoch) for epoch in document["history"]]
        state.average = _beside(self.detector, state.average)
        return state

    def _document(self) -> dict[str, Any] | None:
        if self.path is None or not self.path.is_file():
            return None
        document = _read(self.path)
        if document is None or document.get("format") != _FORMAT:
            _log.warning("%s: not a training checkpoint; training starts from step 0", self.path)
            return None
        if document["fingerprint"] != self.fingerprint:
            _log.warning(
                "%s: checkpoint of another training; training starts from step 0", self.path
            )
            return None
        return document


def fingerprint_of(
    params: Params, train: Clips, dev: Clips, transform: object, detector: nn.Module
) -> str:
    """SHA-256 of everything that determines a training, its first weights included."""
    training = asdict(params.training)
    del training["loader_workers"]  # makes the same batches sooner
    parts = {
        "params": [training, asdict(params.window), dict(params.augmentation)],
        "augmentation_audio": describe_audio(params.augmentation_audio),
        "detector": [params.detector.name, dict(params.detector.options)],
        "train": [train.trials_hash, int(train.lengths.sum())],
        "dev": [dev.trials_hash, int(dev.lengths.sum())],
        "transform": repr(transform),
        "weights": weights_hash(detector.state_dict()),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def weights_hash(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 of named tensors, bit for bit."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        digest.update(f"{name}\t{tensor.dtype}\t{tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def copy_weights(detector: nn.Module) -> dict[str, Tensor]:
    """The state dict as it is now, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in detector.state_dict().items()}


def _beside(detector: nn.Module, average: Mapping[str, Tensor] | None) -> dict[str, Tensor] | None:
    """Averaged weights, laid out in memory and on the device like the detector's own."""
    if average is None:
        return None
    weights = dict(detector.named_parameters())
    return {
        name: torch.empty_like(weights[name]).detach().copy_(value)
        for name, value in average.items()
    }


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError):
        return None
    return document if isinstance(document, dict) else None
