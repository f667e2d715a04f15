"""One step of a training: a batch, its gradient, and the weights a little further on."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from models.compute.distributed import World, answers
from models.errors import InputError
from models.params.training import TrainingParams
from models.training.batch_size import is_out_of_memory
from models.training.continual.anchor import Anchor
from models.training.loading import Batches
from models.training.losses import Loss
from models.training.mixup import mixup
from models.training.replay import Replay
from models.training.rule import BatchTransform
from models.training.sampling import Sampler
from models.training.schedule import learning_rate
from models.training.sharpness import climbed
from models.training.state import TrainingState
from models.training.transfer import Front, set_rate

CLIP_NORM = 5.0  # of the whole gradient
_log = logging.getLogger(__name__)


class DivergedError(Exception):
    """The loss, a gradient or a dev score is no longer finite."""


@dataclass
class TrainingStep:
    """Learns from one batch at a time, in as many parts as memory asks for.

    Every part has a batch norm of its own, so parts are not quite the same as their whole; the
    gradient is that of the whole batch's loss.
    """

    detector: nn.Module
    sampler: Sampler
    batches: Batches
    training: TrainingParams
    device: torch.device
    optimiser: torch.optim.Optimizer
    loss: Loss
    front: Front
    transform: BatchTransform | None
    replay: Replay
    anchor: Anchor
    state: TrainingState
    world: World

    def __post_init__(self) -> None:
        # a part of another size is compiled anew: code for any size is slower
        compiles = self.training.compile
        self._forward = torch.compile(self.detector, dynamic=False) if compiles else self.detector

    def learn(self, step: int) -> float:
        """Follow the gradient of the batch of one step, as often as is asked for; the last loss."""
        clean, labels = self._batch(step)
        waveforms = clean
        for again in range(self.replay.passes - 1):
            slope = torch.zeros_like(clean)
            self._follow(waveforms, labels, step, again, slope)
            waveforms = self.replay.moved(clean, waveforms, slope)
        return self._follow(waveforms, labels, step, self.replay.passes - 1)

    def rate(self, step: int) -> float:
        """Learning rate of a step."""
        return learning_rate(step, self.sampler.epochs.steps, self.training)

    def parts(self, step: int) -> list[tuple[Tensor, Tensor]]:
        """The batch of a step as waveforms (b, samples) and labels (b,) of each part."""
        waveforms, labels = self._batch(step)
        return [(waveforms[part], labels[part]) for part in _parts_of(self.state)]

    def _batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Waveforms (b, samples) of a step, those of other processes silent, and labels (b,)."""
        waveforms, labels = map(torch.from_numpy, self.batches(step))
        if len(waveforms) == len(labels):
            return waveforms, labels
        batch = waveforms.new_zeros(len(labels), waveforms.shape[1])
        batch[self.sampler.rows] = waveforms
        return batch, labels

    @property
    def _needs_whole_batch(self) -> bool:
        """Whether a process needs the waveforms of the others too."""
        mixes = self.training.objective.mixup > 0.0
        return mixes or self.transform is not None or self.anchor.needs_waveforms

    def _follow(
        self, waveforms: Tensor, labels: Tensor, step: int, again: int, slope: Tensor | None = None
    ) -> float:
        """One pass over a batch and the step that it leads to; its loss.

        `slope`, where given, becomes the loss's by the waveforms. Where memory is short, the pass
        is done again in parts half as large, as are all after it.
        """
        while True:
            try:
                value = self._gradient(waveforms, labels, step, again, slope)
                self._climb(waveforms, labels, step, again)
                return self._descend(value, step)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                reason = str(error).partition("\n")[0]
            self._halve(step, reason)

    def _climb(self, waveforms: Tensor, labels: Tensor, step: int, again: int) -> None:
        """Exchange the gradient for that of the sharpest place nearby, if that is asked for."""
        radius = self.training.objective.sharpness
        if radius > 0.0:
            with climbed(self.detector, radius):
                self._gradient(waveforms, labels, step, again, None)

    def _gradient(
        self, waveforms: Tensor, labels: Tensor, step: int, again: int, slope: Tensor | None
    ) -> float:
        """Leave the gradient of a batch in the weights; returns the loss."""
        drawn_by = [self.training.seed, step, again] if again else [self.training.seed, step]
        seed = int(np.random.SeedSequence(drawn_by).generate_state(1)[0])
        torch.manual_seed(seed + self.world.rank)  # for dropout
        generator = torch.Generator().manual_seed(seed)
        rng = np.random.default_rng(seed)
        total = self.loss.weights(labels).sum()
        self.optimiser.zero_grad(set_to_none=True)
        self.anchor.begin()
        value = torch.zeros((), device=self.device)
        for part in _parts_of(self.state):
            inputs = waveforms[part].to(self.device)
            if self._needs_whole_batch:
                inputs = self.world.join(inputs[self.world.own], len(inputs))
            inputs.requires_grad_(slope is not None)
            own = labels[part].to(self.device)
            loss = self._part_loss(inputs, own, generator, rng, step, total)
            (loss / self.world.size).backward()  # type: ignore[no-untyped-call]
            value += loss.detach()
            if slope is not None and inputs.grad is not None:
                slope[part] = inputs.grad.to(slope)
        self.world.add_up_gradients(self.detector.parameters())
        return value.item()

    def _part_loss(
        self,
        waveforms: Tensor,
        labels: Tensor,
        generator: torch.Generator,
        rng: np.random.Generator,
        step: int,
        total: Tensor,
    ) -> Tensor:
        if self.transform is not None:
            waveforms = self.transform(self.detector, waveforms, labels, generator)
        waveforms, targets = mixup(waveforms, labels, self.training.objective.mixup, rng)
        self.detector.train()
        self.front.hold(self.sampler.epochs.of(step))
        mixed = in_bf16(self.training, self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=mixed):
            logits = answers(self._forward, waveforms, self.world)
            penalty = self.anchor.penalty(self.detector, waveforms, labels, logits)
        share = len(labels) / self.training.batch_size  # of the batch
        return self.loss(logits.float(), targets, total.to(self.device)) + share * penalty

    def _descend(self, value: float, step: int) -> float:
        """Follow the gradient, clipped, at the rate of the step; gives its loss back."""
        if not math.isfinite(value):
            raise DivergedError(f"the loss of step {step + 1} is {value}")
        norm = nn.utils.clip_grad_norm_(self.detector.parameters(), CLIP_NORM)
        if not torch.isfinite(norm):
            raise DivergedError(f"the gradient of step {step + 1} is {norm.item()}")
        set_rate(self.optimiser, self.rate(step))
        with self.anchor.guard(self.detector):
            self.optimiser.step()
        return value

    def _halve(self, step: int, reason: str) -> None:
        if self.world.size > 1:  # the others wait for this one's part in the middle of the step
            raise InputError(
                f"step {step + 1}: out of memory in process {self.world.rank} ({reason}); a larger "
                "training.accumulate expected, several processes do not halve parts by themselves"
            )
        self.optimiser.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if self.state.micro_batch == 1:
            samples = self.training.crop_samples
            raise InputError(f"step {step + 1}: no memory for one clip of {samples} samples")
        self.state.micro_batch = -(-self.state.micro_batch // 2)
        _log.warning(
            "step %d: out of memory (%s); from now on %d clips at once, batches as before",
            step + 1,
            reason,
            self.state.micro_batch,
        )


def own_rows(state: TrainingState, world: World) -> list[int]:
    """Rows of a batch that this process makes: its share of each part, in order."""
    rows = range(state.batch_size)
    return sorted(row for part in _parts_of(state) for row in rows[part][world.own])


def _parts_of(state: TrainingState) -> list[slice]:
    """Parts take turns along the batch: it lists one class after the other."""
    count = -(-state.batch_size // state.micro_batch)
    return [slice(part, None, count) for part in range(count)]


def in_bf16(training: TrainingParams, device: torch.device) -> bool:
    """Whether the detector computes in bf16 where autocast lets it; weights stay in float32."""
    if training.mixed_precision == "auto":
        return device.type == "cuda"
    return training.mixed_precision == "always"
