"""Batch norm over the clips of all processes, on CPUs and GPUs alike.

torch.nn.SyncBatchNorm refuses tensors on a CPU. With mean m and variance v over the n values of a
channel in all processes, x̂ = (x − m) / √(v + ε) and y = w x̂ + b (arXiv 1502.03167),

    ∂L/∂x = w / √(v + ε) · ( ∂L/∂y − Σ ∂L/∂y / n − x̂ Σ (∂L/∂y x̂) / n )

Both sums run over all processes. Each forward and each backward pass of a norm is one exchange of a
few numbers a channel; what is kept for the backward pass is what torch's own batch norm keeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from models.compute.distributed import World


@contextmanager
def shared_norms(detector: nn.Module, world: World) -> Iterator[None]:
    """Inside, every batch norm in training mode looks at the clips of all processes.

    The modules stay the same ones. A detector must not be copied inside.
    """
    norms = [module for module in detector.modules() if isinstance(module, _BatchNorm)]
    for norm in norms if world.size > 1 else ():
        norm.forward = partial(_forward, norm, world)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for norm in norms:
            norm.__dict__.pop("forward", None)


def _forward(norm: _BatchNorm, world: World, maps: Tensor) -> Tensor:
    """As of a batch norm, of maps (b, channels, …) of which others hold the rest of the batch."""
    if not norm.training:
        return type(norm).forward(norm, maps)
    mean, variance, count = _statistics(maps, world)
    if norm.track_running_stats:
        _follow(norm, mean, variance * (count / (count - 1)))
    weight = mean.new_ones(mean.shape) if norm.weight is None else norm.weight
    bias = mean.new_zeros(mean.shape) if norm.bias is None else norm.bias
    normed: Tensor = _Normalise.apply(  # type: ignore[no-untyped-call]
        maps, weight, bias, mean, variance, count, norm.eps, world
    )
    return normed


def _statistics(maps: Tensor, world: World) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and biased variance (channels,) of the maps of all processes, and values a channel."""
    channels = maps.shape[1]
    wide = torch.promote_types(maps.dtype, torch.float32)
    scratch = torch.zeros(2, channels, dtype=wide, device=maps.device)  # makes it answer in `wide`
    # one pass over the maps, 30 times as fast as torch.var_mean on a CPU
    moments = torch.batch_norm_update_stats(maps.detach(), scratch[0], scratch[1], 0.0)
    counts = torch.full_like(scratch[0], maps.numel() / channels)
    of_processes = world.join(
        torch.stack([*moments, counts])[None], world.size
    )  # (processes, 3, channels)
    means, variances, counts = of_processes.unbind(1)
    shares = counts / counts.sum(0)
    mean = (shares * means).sum(0)
    variance = (shares * (variances + (means - mean).square())).sum(0)
    return mean, variance, counts[:, 0].sum()


def _follow(norm: _BatchNorm, mean: Tensor, variance: Tensor) -> None:
    """Move the running statistics towards those of a batch; a momentum of None is their mean."""
    tracked, means, variances = norm.num_batches_tracked, norm.running_mean, norm.running_var
    assert tracked is not None
    assert means is not None
    assert variances is not None
    tracked.add_(1)
    share = 1.0 / float(tracked) if norm.momentum is None else norm.momentum
    with torch.no_grad():
        means.mul_(1 - share).add_(mean.to(means), alpha=share)
        variances.mul_(1 - share).add_(variance.to(variances), alpha=share)


class _Normalise(torch.autograd.Function):
    """Maps normed by given statistics, which are themselves made of the maps of all processes."""

    @staticmethod
    def forward(
        ctx: Any, maps: Tensor, weight: Tensor, bias: Tensor,
        mean: Tensor, variance: Tensor, count: Tensor, eps: float, world: World,
    ) -> Tensor:  # fmt: skip
        ctx.save_for_backward(maps, weight, mean, variance)
        ctx.count, ctx.eps, ctx.world = count, eps, world
        return functional.batch_norm(maps, mean, variance, weight, bias, eps=eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        maps, weight, mean, variance = ctx.saved_tensors
        # as if the statistics were constants: Σ ∂L/∂y x̂ is the slope of w, Σ ∂L/∂y that of b
        slope, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            slopes[0], maps, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        sums = ctx.world.add_up(torch.stack([of_weight, of_bias]))
        sums *= weight * torch.rsqrt(variance + ctx.eps) / ctx.count
        slope -= functional.batch_norm(maps, mean, variance, sums[0], sums[1], eps=ctx.eps)
        return slope, of_weight, of_bias, None, None, None, None, None
