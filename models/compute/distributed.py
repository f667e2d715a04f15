"""One training in several processes, on one machine or more; in one by default.

Every process makes its own share of a batch's clips, gives it to the detector, and then gets the
answers to all of them: what follows from the answers (loss, mixed labels, penalties) is computed
everywhere as one process computes it. Waveforms are exchanged only where clips meet before the
detector (mixup, attacks, a teacher). Gradients are added up, so that all processes take the same
step from the same weights. The first process *leads*: it alone writes, reports and decides.

Processes are told of each other by the environment that torchrun makes: RANK, WORLD_SIZE,
LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR, MASTER_PORT. They speak by gloo on CPUs, by NCCL on GPUs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from models.errors import InputError, LostError

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """Which of how many processes this one is; all of them call the same methods in one order.

    Each method that speaks to the others raises LostError where one of them is gone.
    """

    rank: int = 0  # of this process, from 0
    size: int = 1
    local_rank: int = 0  # among the processes of this machine
    local_size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes, reports and decides."""
        return self.rank == 0

    @property
    def own(self) -> slice:
        """The rows of any list that are this process's share: those of each differ by one."""
        return slice(self.rank, None, self.size)

    def device(self, kind: str) -> torch.device:
        """Where this process computes: `cpu`, or the GPU of its own among those of the machine."""
        if kind != "cuda" or self.size == 1:
            return torch.device(kind)
        if self.local_size > torch.cuda.device_count():
            raise InputError(
                f"at most {torch.cuda.device_count()} processes expected, one for each GPU of this "
                f"machine, found {self.local_size}"
            )
        return torch.device("cuda", self.local_rank)

    def add_up(self, tensor: Tensor) -> Tensor:
        """The sum of the tensors of all processes, in place, the same bits everywhere."""
        if self.size > 1:
            with _reaching():
                torch.distributed.all_reduce(tensor)
        return tensor

    def join(self, own: Tensor, count: int) -> Tensor:
        """All rows (count, …) where each process has those of its share."""
        if self.size == 1:
            return own
        whole = own.new_zeros((count, *own.shape[1:]))
        whole[self.own] = own
        return self.add_up(whole)

    def least(self, number: int) -> int:
        """The smallest of the numbers that the processes have."""
        return int(self.join(torch.tensor([number]), self.size).min())

    def of_leader(self, value: T) -> T:
        """What the leading process has, be it tensors, numbers, text, lists or dictionaries."""
        if self.size == 1:
            return value
        values = [value]
        with _reaching():
            torch.distributed.broadcast_object_list(values, src=0)
        return values[0]

    def add_up_gradients(self, weights: Iterable[nn.Parameter]) -> None:
        """Give every weight the sum of its gradients in all processes."""
        if self.size == 1:
            return
        slopes = [weight.grad for weight in weights if weight.grad is not None]
        sums = self.add_up(torch.cat([slope.reshape(-1) for slope in slopes]))
        sizes = [slope.numel() for slope in slopes]
        for slope, total in zip(slopes, torch.split(sums, sizes), strict=True):
            slope.copy_(total.view(slope.shape))


ALONE = World()


def answers(detector: Callable[[Tensor], Tensor], waveforms: Tensor, world: World) -> Tensor:
    """Logits (b, 2) of all waveforms (b, samples), of which each process hears its share.

    Every process is to follow 1 / size of a loss of them: the gradients then add up to the whole.
    """
    logits = detector(waveforms[world.own])
    if world.size == 1:
        return logits
    together: Tensor = _Together.apply(  # type: ignore[no-untyped-call]
        logits.float(), len(waveforms), world
    )
    return together


@contextmanager
def joined(kind: str) -> Iterator[tuple[World, torch.device]]:
    """Join the processes that the environment tells of; alone where it tells of none.

    Gives a device of this `kind` (cpu or cuda) too. Raises InputError where the environment
    cannot be read or there are too few GPUs, and LostError where the others are not found.
    """
    world = described(os.environ)
    device = world.device(kind)
    if world.size == 1:
        yield world, device
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with _reaching():
        torch.distributed.init_process_group(
            "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        )
    yield world, device
    torch.distributed.destroy_process_group()  # after an error the others may wait: just end


def described(environment: Any) -> World:
    """The place of this process in a mapping of the variables that torchrun sets."""
    if "RANK" not in environment or "WORLD_SIZE" not in environment:
        return ALONE
    names = {"RANK": 0, "WORLD_SIZE": 1, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 1}
    numbers = []
    for name, default in names.items():
        value = environment.get(name, str(default))
        if not value.isdigit():
            raise InputError(f"{name}: a number expected as torchrun sets it, found {value!r}")
        numbers.append(int(value))
    return World(*numbers)


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # of gloo, NCCL and the store alike
        reason = str(error).partition("\n")[0]
        raise LostError(f"another process of the training is gone ({reason})") from error


class _Together(torch.autograd.Function):
    """Rows of all processes of the rows of each; slopes go back to whom a row belongs."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, count: int, world: World) -> Tensor:
        ctx.world = world
        return world.join(own, count)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None]:
        world: World = ctx.world
        return slopes[0][world.own] * world.size, None, None
