"""Weight modification along chosen directions, for audio deepfakes (RAWM, arXiv 2308.03300; RWM,
arXiv 2312.09651), which grew out of orthogonal weight modification (OWM, arXiv 1810.01256).

Each linear or convolutional layer has a projector P away from the inputs r it had for old clips,
by recursive least squares with gain k, one update for each clip (r: mean over the clip's positions
of what one output is computed from, and a 1 for the bias):

    k = P r / (α + rᵀ P r)        P ← P − k rᵀ P        from P = I, α = 1

A change of weights along P leaves old answers alone; along its complement Q = I − P it does not.
RAWM lets some of the latter through, because bona fide speech is alike everywhere:

    ΔW ← ΔW (P + β Q)        β = parallel · bona fide / spoof        at most 1

RAWM counts the clips of the batch. RWM weighs each clip by a softmax over the batch of the logit of
its true class, so that the class with compact features decides the direction.

Where this differs from the papers: Q is I − P instead of I − P(PᵀP)⁻¹Pᵀ, which is no more than
rounding error for an invertible P; P and Q are not divided by their Frobenius norms; RWM's angles
(β = tan θ) are left out, the ratio of the classes' weights has the same ends; the projected
thing is the optimiser's step, since Adam would turn a projected gradient back; every layer has
its projector, biases included, while affine parameters of batch norm and attention vectors are
free; P comes from old clips kept for it and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.data.clips import Clips
from models.detectors.detector import BONAFIDE
from models.params.window import WindowParams
from models.training.continual.anchor import Anchor
from models.training.continual.listening import each_clip
from models.training.state import weights_hash

Layer = nn.Linear | nn.Conv1d | nn.Conv2d
Ratio = Callable[[Tensor, Tensor], Tensor]  # labels (b,), logits (b, 2) -> bona fide / spoof
_ALPHA = 1.0
_LEAST = 1e-6  # of a class's weight, where the batch holds none of it


def by_count(labels: Tensor, logits: Tensor) -> Tensor:
    """RAWM: how many bona fide clips there are for each spoof."""
    real = (labels == BONAFIDE).to(logits).mean()
    return real / (1 - real).clamp_min(_LEAST)


def by_attention(labels: Tensor, logits: Tensor) -> Tensor:
    """RWM: the same with clips weighted by how sure the detector is of their true class."""
    attention = logits.gather(1, labels[:, None]).squeeze(1).softmax(0)  # (b,)
    real = attention[labels == BONAFIDE].sum()
    return real / (1 - real).clamp_min(_LEAST)


class Projection(Anchor):
    """Turns each step of the optimiser away from what old clips need."""

    def __init__(self, away: dict[str, Tensor], parallel: float, ratio: Ratio) -> None:
        self.away, self.parallel, self.ratio = away, parallel, ratio
        self._answers: list[tuple[Tensor, Tensor]] = []  # labels and logits of the batch, by parts

    def __repr__(self) -> str:
        ratio = getattr(self.ratio, "__name__", "ratio")
        return f"Projection({self.parallel}, {ratio}, {weights_hash(self.away)[:16]})"

    def begin(self) -> None:
        """Forget the answers to the batch before."""
        self._answers.clear()

    def penalty(
        self, detector: nn.Module, waveforms: Tensor, labels: Tensor, logits: Tensor
    ) -> Tensor:
        """Nothing; only remembers what `beta` is made of."""
        del detector, waveforms
        self._answers.append((labels, logits.detach().float()))
        return logits.new_zeros(())

    @property
    def beta(self) -> float:
        """Share of the change along old inputs that the batch lets through, however it is split."""
        labels, logits = (torch.cat(parts) for parts in zip(*self._answers, strict=True))
        return min(self.parallel * float(self.ratio(labels, logits)), 1.0)

    @contextmanager
    def guard(self, detector: nn.Module) -> Iterator[None]:
        """Keep of each layer's step what lies along P, and β of the rest."""
        layers = {name: layer for name, layer in _layers(detector) if name in self.away}
        before = {name: _matrix(layer).clone() for name, layer in layers.items()}
        yield
        beta = self.beta
        for name, layer in layers.items():
            step = _matrix(layer) - before[name]
            along = step @ self.away[name]
            _set_matrix(layer, before[name] + along + beta * (step - along))


def projectors(
    detector: nn.Module, clips: Clips, window: WindowParams, device: torch.device
) -> dict[str, Tensor]:
    """P (inputs + 1, inputs + 1) by layer name: projectors away from the inputs of these clips."""
    away: dict[str, Tensor] = {}

    def listen(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            mean = _mean_input(layer, inputs[0])  # (inputs + 1,)
            here = away.setdefault(name, torch.eye(mean.numel(), device=mean.device))
            turned = here @ mean
            here -= torch.outer(turned, turned) / (_ALPHA + mean @ turned)

        return hook

    hooks = [layer.register_forward_pre_hook(listen(name)) for name, layer in _layers(detector)]
    try:
        with torch.no_grad():
            for waveform in each_clip(detector, clips, window, device):
                detector(waveform)
    finally:
        for hook in hooks:
            hook.remove()
    return away


def _layers(detector: nn.Module) -> Iterator[tuple[str, Layer]]:
    for name, module in detector.named_modules():
        if isinstance(module, Layer) and module.weight.requires_grad:
            yield name, module


def _mean_input(layer: nn.Module, inputs: Tensor) -> Tensor:
    """What an output of the layer is computed from, in the mean, and a 1 for the bias."""
    if isinstance(layer, nn.Linear):
        mean = inputs.reshape(-1, layer.in_features).mean(0)
    else:
        mean = _patches(layer, inputs).mean(dim=(0, 2))
    return torch.cat([mean, mean.new_ones(1)])


def _patches(layer: nn.Module, maps: Tensor) -> Tensor:
    """Columns (batch, inputs, positions) that a convolution multiplies with its weights."""
    assert isinstance(layer, nn.Conv1d | nn.Conv2d)
    flat = isinstance(layer, nn.Conv1d)
    assert not isinstance(layer.padding, str)
    lead = (1,) if flat else ()
    return functional.unfold(
        maps[:, :, None] if flat else maps,
        kernel_size=(*lead, *layer.kernel_size),
        dilation=(*lead, *layer.dilation),
        padding=(*((0,) if flat else ()), *layer.padding),
        stride=(*lead, *layer.stride),
    )


def _matrix(layer: Layer) -> Tensor:
    """Weights and bias as one matrix (outputs, inputs + 1); a missing bias is 0."""
    weight = layer.weight.detach().reshape(layer.weight.shape[0], -1)
    bias = weight.new_zeros(len(weight)) if layer.bias is None else layer.bias.detach()
    return torch.cat([weight, bias[:, None]], dim=1)


def _set_matrix(layer: Layer, matrix: Tensor) -> None:
    with torch.no_grad():
        layer.weight.copy_(matrix[:, :-1].reshape(layer.weight.shape))
        if layer.bias is not None:
            layer.bias.copy_(matrix[:, -1])
