"""The hooks of a method of continual learning in a training step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from torch import Tensor, nn


class Anchor:
    """Holds a detector near its old weights or answers; this base class does nothing.

    An anchor is made of the first weights, and a step of nothing but the detector and the batch: it
    has no state that a checkpoint would have to keep. Its `repr` must tell what it does: it is
    part of the checkpoint's fingerprint. A step begins, asks for the penalty of each part of its
    batch, and is guarded.
    """

    needs_waveforms = False  # for its penalty: several processes then exchange them

    def __repr__(self) -> str:
        return "Anchor()"

    def begin(self) -> None:
        """Forget the batch before; again where a batch is begun anew in smaller parts."""

    def penalty(
        self, detector: nn.Module, waveforms: Tensor, labels: Tensor, logits: Tensor
    ) -> Tensor:
        """A scalar to add to the loss of waveforms (b, samples), labels (b,), logits (b, 2)."""
        del detector, waveforms, labels
        return logits.new_zeros(())

    @contextmanager
    def guard(self, detector: nn.Module) -> Iterator[None]:
        """Entered around the optimiser's step, so that its change can be corrected."""
        del detector
        yield


class Anchors(Anchor):
    """Several anchors at once: penalties add up, corrections follow one another."""

    def __init__(self, parts: Sequence[Anchor]) -> None:
        self.parts = tuple(parts)
        self.needs_waveforms = any(part.needs_waveforms for part in parts)

    def __repr__(self) -> str:
        return f"Anchors({', '.join(map(repr, self.parts))})"

    def begin(self) -> None:
        """All begin."""
        for part in self.parts:
            part.begin()

    def penalty(
        self, detector: nn.Module, waveforms: Tensor, labels: Tensor, logits: Tensor
    ) -> Tensor:
        """The sum of all penalties."""
        total = logits.new_zeros(())
        for part in self.parts:
            total = total + part.penalty(detector, waveforms, labels, logits)
        return total

    @contextmanager
    def guard(self, detector: nn.Module) -> Iterator[None]:
        """All guards, the first one outermost."""
        with ExitStack() as stack:
            for part in self.parts:
                stack.enter_context(part.guard(detector))
            yield
