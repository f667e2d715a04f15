"""Several passes over one batch in a row, with its clips changed between them."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor


class Replay(ABC):
    """How often a batch is learnt from in a row, and how its clips change between the passes.

    Its `repr` must tell what it does: it is part of the checkpoint's fingerprint.
    """

    passes: int  # over each batch, at least 1

    @abstractmethod
    def moved(self, clean: Tensor, before: Tensor, slope: Tensor, /) -> Tensor:
        """Waveforms of the next pass, all (b, samples); `slope` is that of the loss by `before`."""


class Once(Replay):
    """One pass over each batch, with its clips as they are."""

    passes = 1

    def __repr__(self) -> str:
        return "Replay(snr_db=0.0, passes=1, share=0.0)"  # as in fingerprints of older checkpoints

    def moved(self, clean: Tensor, _before: Tensor, _slope: Tensor, /) -> Tensor:
        """The clean clips."""
        return clean


ONCE = Once()
