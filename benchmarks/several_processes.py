"""Claims: two processes compute the gradient of one; DDP exchanges it no faster for AASIST.

    python -m benchmarks.several_processes [--rounds N]

Two processes of one thread, connected by gloo. First the gradient of a batch of seven clips with
class weights, compared with that of one process: the largest difference divided by the largest
value, in double precision. Then seconds of a forward and backward pass, in turns within one run.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from statistics import median

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from flows.candidate.processes import run_together
from models.compute.distributed import World, answers, joined
from models.detectors import build_detector
from models.training.shared_norms import shared_norms

WEIGHTS = torch.tensor([1.0, 9.0], dtype=torch.float64)  # of spoof and bona fide clips
LABELS = torch.tensor([0, 0, 0, 0, 1, 1, 0])


def main() -> None:
    """Both comparisons, printed by the leading process."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    os.environ["ROUNDS"] = str(parser.parse_args().rounds)
    run_together(_compare, 2)


def _compare() -> None:
    torch.set_num_threads(1)
    rounds = int(os.environ["ROUNDS"])
    with joined("cpu") as (world, _):
        _compare_gradients(world)
        wide = nn.Sequential(
            nn.Linear(600, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.Linear(4096, 2)
        )
        _compare_steps("19 M weights in three layers", wide, torch.randn(16, 600), world, rounds)
        aasist = build_detector("aasist").train()
        _compare_steps("AASIST, 4 clips of 4.04 s", aasist, torch.randn(4, 64_600), world, rounds)


def _compare_gradients(world: World) -> None:
    torch.manual_seed(0)
    clips, own = torch.randn(len(LABELS), 1, 600, dtype=torch.float64), LABELS[world.own]
    total = WEIGHTS[LABELS].sum()

    def alone(net: nn.Module) -> Tensor:
        return _loss_sum(net(clips), LABELS) / total

    def own_mean(net: nn.Module) -> Tensor:
        return _loss_sum(net(clips[world.own]), own) / WEIGHTS[own].sum()

    def own_sum(net: nn.Module) -> Tensor:
        return world.size * _loss_sum(net(clips[world.own]), own) / total

    def joined_answers(net: nn.Module) -> Tensor:
        return _loss_sum(answers(net, clips, world), LABELS) / total / world.size

    expected = _gradient(alone, World(), shared=False)
    for name, loss, shared in (
        ("DDP, batch norm and weighted mean of each process", own_mean, False),
        ("DDP, shared batch norm, weighted mean of each process", own_mean, True),
        ("DDP, shared batch norm, weights summed over the batch", own_sum, True),
        ("antiphon", joined_answers, True),
    ):
        gradient = _gradient(loss, world, shared, with_ddp=loss is not joined_answers)
        error = float((gradient - expected).abs().max() / expected.abs().max())
        _tell(world, f"gradient of 7 clips, {name}: differs by {error:.1e} of the largest")


def _gradient(
    loss: Callable[[nn.Module], Tensor], world: World, shared: bool, with_ddp: bool = False
) -> Tensor:
    torch.manual_seed(7)
    net = nn.Sequential(
        nn.Conv1d(1, 6, 17, stride=4), nn.BatchNorm1d(6), nn.ReLU(), nn.Flatten(),
        nn.Linear(6 * 146, 2),
    ).double()  # fmt: skip
    wrapped = _ddp(net) if with_ddp else net
    with shared_norms(net, world if shared else World()):
        loss(wrapped).backward()  # type: ignore[no-untyped-call]
    if not with_ddp:
        world.add_up_gradients(net.parameters())
    slopes = (weight.grad for weight in net.parameters())
    return torch.cat([slope.reshape(-1) for slope in slopes if slope is not None])


def _compare_steps(name: str, net: nn.Module, clips: Tensor, world: World, rounds: int) -> None:
    labels, wrapped = torch.arange(len(clips)) % 2, _ddp(net)

    def antiphon() -> None:
        loss = cross_entropy(answers(net, clips, world), labels) / world.size
        loss.backward()  # type: ignore[no-untyped-call]
        world.add_up_gradients(net.parameters())

    def ddp() -> None:
        loss = cross_entropy(wrapped(clips[world.own]), labels[world.own])
        loss.backward()  # type: ignore[no-untyped-call]

    with shared_norms(net, world):
        _seconds(net, antiphon), _seconds(net, ddp)
        pairs = [(_seconds(net, antiphon), _seconds(net, ddp)) for _ in range(rounds)]
    own, other = (median(column) for column in zip(*pairs, strict=True))
    ratio = median(ddp_s / own_s for own_s, ddp_s in pairs)
    _tell(world, f"{name}: antiphon {own:.3f} s, DDP {other:.3f} s, {ratio:.2f} x")


def _seconds(net: nn.Module, step: Callable[[], None]) -> float:
    net.zero_grad(set_to_none=True)
    torch.distributed.barrier()
    started = time.perf_counter()
    step()
    torch.distributed.barrier()
    return time.perf_counter() - started


def _ddp(net: nn.Module) -> DistributedDataParallel:
    # the last layers of AASIST's branches have weights that no answer depends on
    return DistributedDataParallel(net, find_unused_parameters=True)


def _loss_sum(logits: Tensor, labels: Tensor) -> Tensor:
    losses = cross_entropy(logits.double(), labels, reduction="none")
    return (losses * WEIGHTS[labels]).sum()


def _tell(world: World, line: str) -> None:
    if world.leads:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
