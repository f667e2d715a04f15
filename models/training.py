"""One training loop, for training from scratch, fine-tuning and hardening alike.

Step s of a training depends on its parameters, its clips, its first weights and s alone: batches,
augmentation, dropout and perturbations are drawn under (seed, s). So a training that was killed
goes on from its checkpoint to the same weights, bit for bit where torch's own operations are
deterministic (on a CPU with a fixed number of threads they are). Build a detector from scratch
after `seed_everything(params.training.seed)`: its first weights are part of the checkpoint's
fingerprint.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import torch
from torch import nn

from models.clips import Clips
from models.continual.anchor import Anchor
from models.errors import InputError
from models.losses import Loss, build_loss
from models.memory import retained_memory
from models.params import Params
from models.sampling import Sampler
from models.training_loop import BatchTransform, TrainingLoop, TrainingResult
from models.training_state import (
    EpochResult,
    TrainingState,
    fingerprint_of,
    load_state,
    save_state,
)

__all__ = ["BatchTransform", "EpochResult", "TrainingResult", "seed_everything", "train"]


def train(
    detector: nn.Module,
    train: Clips,
    dev: Clips,
    params: Params,
    *,
    device: str | torch.device = "cpu",
    checkpoint: Path | None = None,
    checkpoint_every_s: float = 60.0,
    on_epoch: Callable[[EpochResult], None] | None = None,
    transform: BatchTransform | None = None,
    anchor: Anchor | None = None,
    loss: Loss | None = None,
    progress: bool = False,
) -> TrainingResult:
    """Train the detector and leave the weights of its best epoch on dev in it.

    The best epoch has the lowest EER on the first windows of dev's clips, and of equals the lowest
    loss. With `checkpoint`, progress is kept there after every epoch and every
    `checkpoint_every_s` seconds, and a training that was killed goes on from it; an epoch is
    reported before it is kept, so one may be reported twice, never not at all. `loss` takes the
    place of the one that params name and belongs to `transform`, whose repr tells of both. Raises
    InputError where a class is missing, or where the loss stops being finite before one epoch is
    done; later than that, training stops with its best epoch.
    """
    if dev.bonafide.all() or not dev.bonafide.any():
        raise InputError("dev: bonafide and spoof clips expected, found one class alone")
    place = torch.device(device)
    sampler = Sampler(train, params.training, params.augmentation, params.augmentation_audio)
    fingerprint = fingerprint_of(params, train, dev, (transform, anchor), detector)
    detector.to(place)
    # channels innermost: convolutions of maps of few channels take half the time on a CPU
    _lay_out(detector, torch.channels_last)
    optimiser = _optimiser(detector, params)
    state = load_state(checkpoint, fingerprint, detector, optimiser) if checkpoint else None

    def keep(now: TrainingState) -> None:
        if checkpoint is not None:
            save_state(checkpoint, fingerprint, now, detector, optimiser)

    training = TrainingLoop(
        detector=detector,
        sampler=sampler,
        dev=dev.beginnings(params.window.samples),
        params=params,
        device=place,
        optimiser=optimiser,
        loss=loss or build_loss(params.training),
        state=state or TrainingState(),
        transform=transform,
        anchor=anchor or Anchor(),
        report=on_epoch or (lambda _: None),
        keep=keep,
        keep_every_s=checkpoint_every_s,
    )
    kept_memory = retained_memory() if place.type == "cpu" else nullcontext()
    with kept_memory, torch.random.fork_rng([place] if place.type == "cuda" else []):
        result = training.run(progress)
    _lay_out(detector, torch.contiguous_format)
    return result


def seed_everything(seed: int) -> None:
    """Fix the first weights of detectors built after this; all else here draws by its own seed."""
    torch.manual_seed(seed)


def _lay_out(detector: nn.Module, layout: torch.memory_format) -> None:
    detector.to(memory_format=layout)  # type: ignore[call-overload]  # torch's stub forgets it


def _optimiser(detector: nn.Module, params: Params) -> torch.optim.Optimizer:
    training = params.training
    kind = torch.optim.AdamW if training.optimiser == "adamw" else torch.optim.Adam
    weights = [parameter for parameter in detector.parameters() if parameter.requires_grad]
    return kind(weights, lr=training.learning_rate, weight_decay=training.weight_decay)
