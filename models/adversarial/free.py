"""Free adversarial training: the backward pass of a step also gives the attack on its clips.

A batch is learnt from several times in a row. Each backward pass gives the slope of the loss by
the weights, which they follow down, and by the samples, which the perturbation follows up: one
pass for each step of either (Shafahi et al., arXiv 1904.12843, algorithm 1). There the perturbation
goes on to the next batch; here each batch begins clean, so that a step depends on nothing before
it but the weights, and a killed training goes on as it was.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from models.adversarial.attacked_clips import spread
from models.adversarial.problem import Ball
from models.training.replay import Replay


@dataclass(frozen=True)
class FreeReplay(Replay):
    """Passes over a batch between which a share of its clips is attacked further."""

    snr_db: float
    passes: int
    share: float  # 0–1, rounded to whole clips

    def __repr__(self) -> str:
        # as in fingerprints of older checkpoints
        return f"Replay(snr_db={self.snr_db}, passes={self.passes}, share={self.share})"

    def moved(self, clean: Tensor, before: Tensor, slope: Tensor, /) -> Tensor:
        """Waveforms of the next pass, all (b, samples); `slope` is that of the loss by `before`.

        A step as long as the box is wide, along the sign of the slope, and back into the box.
        """
        ball = Ball(clean, self.snr_db)
        further = ball.perturbed(ball.boxed(before - clean + ball.box * slope.sign()))
        rows = spread(len(clean), round(self.share * len(clean))).to(clean.device)
        return clean.index_copy(0, rows, further[rows].to(clean))
