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
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from models.adversarial.free import ONCE, Replay
from models.compute.distributed import ALONE, World
from models.compute.memory import retained_memory
from models.data.clips import Clips
from models.detectors.fitted import FittedDetector
from models.errors import InputError
from models.params.training import TrainingParams
from models.params.tree import Params
from models.training.averaging import Averaging
from models.training.batch_size import find_batch_size
from models.training.continual.anchor import Anchor
from models.training.fitting import Fitting, fit_detector, refuse_steps
from models.training.loading import batches_ahead, loader_processes
from models.training.loop import TrainingLoop, TrainingResult
from models.training.losses import Loss, build_loss
from models.training.sampling import Sampler
from models.training.shared_norms import shared_norms
from models.training.state import (
    EpochResult,
    TrainingState,
    fingerprint_of,
    load_state,
    save_state,
)
from models.training.step import BatchTransform, TrainingStep, in_bf16
from models.training.transfer import Front, build_optimiser

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
    replay: Replay = ONCE,
    anchor: Anchor | None = None,
    loss: Loss | None = None,
    progress: bool = False,
    world: World = ALONE,
) -> TrainingResult:
    """Train the detector and leave the weights of its best epoch on dev in it.

    The best epoch has the lowest EER on the first windows of dev's clips, and of equals the lowest
    loss. With `checkpoint`, progress is kept there after every epoch and every
    `checkpoint_every_s` seconds, and a training that was killed goes on from it; an epoch is
    reported before it is kept, so one may be reported twice, never not at all. `loss` takes the
    place of the one that params name and belongs to `transform`, whose repr tells of both. Raises
    InputError where a class is missing, or where the loss stops being finite before one epoch is
    done; later than that, training stops with its best epoch. A detector that is fitted is fitted,
    one epoch of one step; `transform`, `replay`, `anchor` and `loss` are not for it or its parts.

    All processes of a `world` give the same arguments but for `device` and come to the same
    weights; only the leading one reads and writes the checkpoint, reports and shows progress.
    """
    if dev.bonafide.all() or not dev.bonafide.any():
        raise InputError("dev: bonafide and spoof clips expected, found one class alone")
    place = torch.device(device)
    if isinstance(detector, FittedDetector):
        refuse_steps(detector, transform, loss, None if type(anchor) is Anchor else anchor)
        fitting = Fitting(
            train, dev, params, place, world, _learn, checkpoint, on_epoch, progress=progress
        )
        return fit_detector(detector, fitting)
    fingerprint = fingerprint_of(params, train, dev, (transform, replay, anchor), detector)
    detector.to(place)
    # channels innermost: convolutions of maps of few channels take half the time on a CPU
    _lay_out(detector, torch.channels_last)
    optimiser = build_optimiser(detector, params.training)
    _check_agreement(
        fingerprint_of(params, train, dev, (transform, replay, params.continual), detector), world
    )
    known = load_state(checkpoint, fingerprint, detector, optimiser, world) if checkpoint else None
    fork = torch.random.fork_rng([place] if place.type == "cuda" else [])
    with retained_memory(place.type), fork, ExitStack() as stack:
        state = known or _beginning(detector, len(train), params.training, place, world)
        check_shares(state, world)
        training = replace(params.training, batch_size=state.batch_size)
        sampler = Sampler(
            train, training, params.augmentation, params.augmentation_audio, params.window
        )
        processes = loader_processes(training, place.type)

        def keep(now: TrainingState) -> None:
            if checkpoint is not None and world.leads:
                save_state(checkpoint, fingerprint, now, detector, optimiser)

        loop = TrainingLoop(
            step=TrainingStep(
                detector=detector,
                sampler=sampler,
                batches=stack.enter_context(batches_ahead(sampler, processes, state.step)),
                training=training,
                device=place,
                optimiser=optimiser,
                loss=loss or build_loss(training),
                front=Front.of(detector, training),
                transform=transform,
                replay=replay,
                anchor=anchor or Anchor(),
                state=state,
                world=world,
            ),
            averaging=Averaging(detector, training, state),
            dev=dev.beginnings(params.window.samples),
            params=params,
            report=on_epoch if on_epoch and world.leads else (lambda _: None),
            keep=keep,
            keep_every_s=checkpoint_every_s,
        )
        with shared_norms(detector, world):
            result = loop.run(progress and world.leads)
    _lay_out(detector, torch.contiguous_format)
    return result


_learn = train  # where the name is that of clips


def seed_everything(seed: int) -> None:
    """Fix the first weights of detectors built after this; all else here draws by its own seed."""
    torch.manual_seed(seed)


def _lay_out(detector: nn.Module, layout: torch.memory_format) -> None:
    detector.to(memory_format=layout)  # type: ignore[call-overload]  # torch's stub forgets it


def _beginning(
    detector: nn.Module, clips: int, training: TrainingParams, device: torch.device, world: World
) -> TrainingState:
    """A training at step 0, its batch size found where none is given."""
    size, parts = training.batch_size, training.accumulate
    if size == 0:
        mixed = in_bf16(training, device)
        most = -(-clips // parts)
        each = find_batch_size(detector, training.crop_samples, device, mixed, most)
        if device.type == "cpu":
            each = max(1, each // world.local_size)  # they share the memory of the machine
        size = parts * min(world.size * world.least(each), most)
    return TrainingState(batch_size=size, micro_batch=-(-size // parts))


def _check_agreement(fingerprint: str, world: World) -> None:
    if world.of_leader(fingerprint) != fingerprint:
        raise InputError(
            f"process {world.rank}: the params, clips and first weights of the leading process "
            "expected, found others"
        )


def check_shares(state: TrainingState, world: World) -> None:
    """Batch norm needs a clip of every part of a batch in every process."""
    least = state.batch_size // -(-state.batch_size // state.micro_batch)  # clips of a part
    if least < world.size:
        raise InputError(
            f"training.batch_size: at least {world.size} clips in each of the parts of a batch "
            f"expected, one for each process, found {least}"
        )
