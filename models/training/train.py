"""One training loop, for training from scratch, fine-tuning and hardening alike.

Step s of a training depends on its parameters, its clips, its first weights and s alone: batches,
augmentation, dropout and perturbations are drawn under (seed, s). So a training that was killed
goes on from its checkpoint to the same weights, bit for bit where torch's own operations are
deterministic (on a CPU with a fixed number of threads they are). Build a detector from scratch
after `seed_everything(params.training.seed)`: its first weights are part of the checkpoint's
fingerprint.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import nn

from models.compute.distributed import World
from models.compute.memory import retained_memory
from models.data.clips import Clips
from models.detectors.fitted import FittedDetector
from models.errors import InputError
from models.params.tree import Params
from models.training.averaging import Averaging
from models.training.batch_size import find_batch_size
from models.training.continual.anchor import Anchor
from models.training.execution import Execution
from models.training.fitting import FittingRun, fit_detector, refuse_steps
from models.training.loading import Batches, batches_ahead, loader_processes
from models.training.loop import TrainingLoop, TrainingResult
from models.training.losses import build_loss
from models.training.rule import LearningRule
from models.training.sampling import Sampler
from models.training.shared_norms import shared_norms
from models.training.state import Checkpoint, EpochResult, TrainingState, fingerprint_of
from models.training.step import TrainingStep, in_bf16, own_rows
from models.training.transfer import Front, build_optimiser

__all__ = ["EpochResult", "Execution", "LearningRule", "TrainingResult", "seed_everything", "train"]

_RULE, _RUN = LearningRule(), Execution()


def train(
    detector: nn.Module,
    train: Clips,
    dev: Clips,
    params: Params,
    *,
    rule: LearningRule = _RULE,
    run: Execution = _RUN,
) -> TrainingResult:
    """Train the detector and leave the weights of its best epoch on dev in it.

    The best epoch has the lowest EER on the first windows of dev's clips, and of equals the lowest
    loss. A training that was killed goes on from the checkpoint of `run`; an epoch is reported
    before it is kept, so one may be reported twice, never not at all. Raises InputError where a
    class is missing, or where the loss stops being finite before one epoch is done; later than
    that, training stops with its best epoch. A detector that is fitted is fitted, one epoch of one
    step. All processes of a world come to the same weights.
    """
    if dev.bonafide.all() or not dev.bonafide.any():
        raise InputError("dev: bonafide and spoof clips expected, found one class alone")
    if isinstance(detector, FittedDetector):
        refuse_steps(detector, rule)
        return fit_detector(detector, FittingRun(train, dev, params, _learn, run))
    return _GradientTraining(detector, train, dev, params, rule, run).run_to_end()


_learn = train  # where the name is that of clips


def seed_everything(seed: int) -> None:
    """Fix the first weights of detectors built after this; all else here draws by its own seed."""
    torch.manual_seed(seed)


@dataclass(frozen=True)
class _GradientTraining:
    """A training by gradient, from the first weights or a checkpoint to the best epoch."""

    detector: nn.Module
    train: Clips
    dev: Clips
    params: Params
    rule: LearningRule
    run: Execution

    def run_to_end(self) -> TrainingResult:
        """All epochs that are left; the detector's memory layout is as usual again afterwards."""
        fingerprint = self._fingerprint(self.rule.anchor)
        self.detector.to(self.run.torch_device)
        # channels innermost: convolutions of maps of few channels take half the time on a CPU
        _lay_out(self.detector, torch.channels_last)
        optimiser = build_optimiser(self.detector, self.params.training)
        self._check_agreement()
        checkpoint = Checkpoint(
            self.run.checkpoint, fingerprint, self.detector, optimiser, self.run.world
        )
        result = self._run_loop(checkpoint)
        _lay_out(self.detector, torch.contiguous_format)
        return result

    def _run_loop(self, checkpoint: Checkpoint) -> TrainingResult:
        params, device, world = self.params, self.run.torch_device, self.run.world
        state = checkpoint.load()
        fork = torch.random.fork_rng([device] if device.type == "cuda" else [])
        with retained_memory(device.type), fork:
            state = state or self._beginning()
            check_shares(state, world)
            training = replace(params.training, batch_size=state.batch_size)
            sampler = Sampler(
                self.train, training, params.augmentation, params.augmentation_audio, params.window,
                own_rows(state, world),
            )  # fmt: skip
            processes = loader_processes(training, device.type)
            with batches_ahead(sampler, processes, state.step) as batches:
                loop = TrainingLoop(
                    step=self._step(sampler, batches, state, checkpoint.optimiser),
                    averaging=Averaging(self.detector, training, state),
                    dev=self.dev.beginnings(params.window.samples),
                    params=params,
                    execution=self.run,
                    checkpoint=checkpoint,
                )
                with shared_norms(self.detector, world):
                    return loop.run()

    def _step(
        self,
        sampler: Sampler,
        batches: Batches,
        state: TrainingState,
        optimiser: torch.optim.Optimizer,
    ) -> TrainingStep:
        return TrainingStep(
            detector=self.detector,
            sampler=sampler,
            batches=batches,
            training=sampler.training,
            device=self.run.torch_device,
            optimiser=optimiser,
            loss=self.rule.loss or build_loss(sampler.training),
            front=Front.of(self.detector, sampler.training),
            transform=self.rule.transform,
            replay=self.rule.replay,
            anchor=self.rule.anchor or Anchor(),
            state=state,
            world=self.run.world,
        )

    def _beginning(self) -> TrainingState:
        """The state at step 0; a batch size of 0 becomes what fits into memory."""
        training, device, world = self.params.training, self.run.torch_device, self.run.world
        size, parts = training.batch_size, training.accumulate
        if size == 0:
            mixed = in_bf16(training, device)
            most = -(-len(self.train) // parts)
            fitting = find_batch_size(self.detector, training.crop_samples, device, mixed, most)
            if device.type == "cpu":
                fitting = max(1, fitting // world.local_size)  # they share the machine's memory
            size = parts * min(world.size * world.least(fitting), most)
        return TrainingState(batch_size=size, micro_batch=-(-size // parts))

    def _fingerprint(self, anchor: object) -> str:
        beside = (self.rule.transform, self.rule.replay, anchor)
        return fingerprint_of(self.params, self.train, self.dev, beside, self.detector)

    def _check_agreement(self) -> None:
        # each process makes its own anchor, whose last digits may differ: its params stand for it
        fingerprint, world = self._fingerprint(self.params.continual), self.run.world
        if world.of_leader(fingerprint) != fingerprint:
            raise InputError(
                f"process {world.rank}: the params, clips and first weights of the leading process "
                "expected, found others"
            )


def _lay_out(detector: nn.Module, layout: torch.memory_format) -> None:
    detector.to(memory_format=layout)  # type: ignore[call-overload]  # torch's stub forgets it


def check_shares(state: TrainingState, world: World) -> None:
    """Batch norm needs a clip of every part of a batch in every process."""
    least = state.batch_size // -(-state.batch_size // state.micro_batch)  # clips of a part
    if least < world.size:
        raise InputError(
            f"training.batch_size: at least {world.size} clips in each of the parts of a batch "
            f"expected, one for each process, found {least}"
        )
