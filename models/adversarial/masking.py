"""Is a detector robust, or do its gradients merely lead nowhere?

Signs of masked gradients after Athalye et al., arXiv 1802.00420, §3.1, and Carlini et al.,
arXiv 1902.06705. Where one shows, the figures of attacks that follow the gradient say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from models.adversarial.robustness import Attack, scores_under
from models.data.clips import Clips
from models.evaluation.metrics.eer import eer
from models.evaluation.scores import Scores
from models.params.window import WindowParams
from models.training.scoring import score_clips

_MORE = 2  # times as many steps must not be weaker
_UNBOUNDED_DB = 0.0  # a perturbation as loud as the speech
_UNBOUNDED_STEPS = 20
_UNBOUNDED_EER = 0.95
_TOLERANCE = 0.05  # of a push, or of an EER: random starts differ


@dataclass(frozen=True)
class Guard:
    """A condition under which gradients can be trusted, and the figures measured for it."""

    name: str
    holds: bool
    figures: Mapping[str, float]
    warning: str  # what it means where it does not hold

    def to_json(self) -> dict[str, Any]:
        """`holds` and the figures."""
        return {"holds": self.holds, **self.figures}


def guard_gradients(
    detector: nn.Module,
    clips: Clips,
    window: WindowParams,
    attack: Attack,
    seed: int,
    *,
    device: str | torch.device = "cpu",
) -> list[Guard]:
    """Attack `clips` of both classes with PGD and by random search, and compare.

    `attack` gives SNR, steps and queries; figures called `push` are means over clips of how much
    further the cm_score went to the wrong side.
    """
    clean = score_clips(detector, clips, window, device)

    def under(attack: Attack) -> Scores:
        return scores_under(attack, detector, [detector], clips, window, seed, device=device)[0]

    pgd = replace(attack, name="pgd")
    few = push(clean, under(pgd))
    more = push(clean, under(replace(pgd, steps=_MORE * pgd.steps)))
    blind = push(clean, under(replace(attack, name="square")))
    unbounded = under(replace(pgd, snr_db=_UNBOUNDED_DB, steps=_UNBOUNDED_STEPS))
    return [
        white_box_is_stronger(max(few, more), blind),
        more_steps_are_stronger(few, more, attack.steps),
        unbounded_attack_succeeds(eer(unbounded.bonafide, unbounded.spoof)),
    ]


def push(clean: Scores, attacked: Scores) -> float:
    """By how much (mean) an attack moved cm_scores to the wrong side."""
    way = np.where(clean.is_bonafide, -1.0, 1.0)
    return float(np.mean(way * (attacked.cm_scores - clean.cm_scores)))


def white_box_is_stronger(white: float, black: float) -> Guard:
    """Knowing the gradient must not hurt an attacker."""
    return Guard(
        "white_box_is_stronger",
        white >= black - _TOLERANCE * abs(black),
        {"push_white_box": white, "push_black_box": black},
        f"an attack without gradients moves scores further ({black:.3g}) than one with them "
        f"({white:.3g}): the gradients are masked, figures under white-box attacks are too low",
    )


def more_steps_are_stronger(few: float, more: float, steps: int) -> Guard:
    """Going on must not hurt an attacker."""
    return Guard(
        "more_steps_are_stronger",
        more >= few - _TOLERANCE * abs(few),
        {"push": few, "push_of_more_steps": more},
        f"{_MORE * steps} steps of PGD move scores less far ({more:.3g}) than {steps} ({few:.3g}): "
        "the gradients lead astray, figures under white-box attacks are too low",
    )


def unbounded_attack_succeeds(error: float) -> Guard:
    """Who may change everything must get everything wrong."""
    return Guard(
        "unbounded_attack_succeeds",
        error >= _UNBOUNDED_EER,
        {"eer": error},
        f"a perturbation as loud as the speech leaves an EER of {error:.0%} where nearly 100% is "
        "expected: the gradients are masked, figures under white-box attacks are too low",
    )


def own_examples_are_worse(own: Mapping[str, float], foreign: Mapping[str, float]) -> Guard:
    """EERs by attack: examples made on another detector must not hurt more than its own."""
    gaps = {name: foreign[name] - own[name] for name in own}
    widest = max(gaps, key=lambda name: gaps[name])
    return Guard(
        "own_examples_are_worse",
        gaps[widest] <= _TOLERANCE,
        {"eer_own": own[widest], "eer_foreign": foreign[widest]},
        f"what {widest} made on the champion brings the candidate to an EER of "
        f"{foreign[widest]:.1%}, what it made on the candidate itself to {own[widest]:.1%}: the "
        "candidate's gradients are masked",
    )
