"""The section `evaluation_sets` of params.yaml: what a candidate is judged on besides eval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from models.errors import InputError
from models.params.robustness import OnDetectors
from models.params.seeds import MOST_SEED

# single effects of models.augmentations, and the keys of its CODECS; without their libraries
Effect: TypeAlias = Literal[
    "telephone_band", "white_noise", "background", "babble", "room", "packet_loss", "resampling",
    "g711_mulaw", "g711_alaw", "g722", "g723_1", "gsm", "amr_nb", "opus", "mp3", "aac",
]  # fmt: skip
EFFECTS: tuple[Effect, ...] = get_args(Effect)
_MOST = 1_000_000
_RESERVED = ("field", "train", "dev", "eval")  # what else is packed or grows by itself


def _effects() -> Mapping[str, bool]:
    chosen = ("telephone_band", "white_noise", "g711_mulaw", "gsm", "opus")
    return dict.fromkeys(chosen, True)


@dataclass(frozen=True)
class AdversarialSetParams:
    """Eval clips attacked through the champion."""

    trials: int = 64  # 0: no such set
    attack: OnDetectors = "pgd"
    snr_db: float = 40.0
    steps: int = 5


@dataclass(frozen=True)
class BonafideHardParams:
    """Bona fide eval speech by the columns of its protocol, and through channels."""

    trials: int = 100  # that pass through each effect; 0: no such set
    effects: Mapping[str, bool] = field(default_factory=_effects)
    slices: tuple[str, ...] = ("language", "codec", "source")

    @property
    def chosen(self) -> tuple[Effect, ...]:
        """The effects that are on, in the order of EFFECTS."""
        return tuple(name for name in EFFECTS if self.effects.get(name, False))


@dataclass(frozen=True)
class EvaluationSetsParams:
    """Which sets there are, and how large they may be."""

    sentinel: tuple[str, ...] = ()  # corpora: folders under data/
    rolling_trials: int = 1000
    seed: int = 2026
    adversarial: AdversarialSetParams = field(default_factory=AdversarialSetParams)
    bonafide_hard: BonafideHardParams = field(default_factory=BonafideHardParams)

    def check(self, origin: str) -> None:
        """Raise InputError naming the key that is wrong."""
        place = f"{origin}: evaluation_sets"
        for name in self.sentinel:
            if name in _RESERVED:
                raise InputError(f"{place}.sentinel: a base corpus expected, found {name!r}")
        if len(set(self.sentinel)) < len(self.sentinel):
            raise InputError(f"{place}.sentinel: each corpus once expected, found {self.sentinel}")
        for name in self.bonafide_hard.effects:
            if name not in EFFECTS:
                raise InputError(
                    f"{place}.bonafide_hard.effects: no effect named '{name}'; known: "
                    f"{', '.join(EFFECTS)}"
                )


# name of a parameter -> (lowest, highest) it may be
EVALUATION_SETS_BOUNDS: dict[str, tuple[float, float]] = {
    "evaluation_sets.rolling_trials": (0, _MOST),
    "evaluation_sets.seed": (0, MOST_SEED),
    "evaluation_sets.adversarial.trials": (0, _MOST),
    "evaluation_sets.adversarial.snr_db": (0.0, 120.0),
    "evaluation_sets.adversarial.steps": (1, 1_000),
    "evaluation_sets.bonafide_hard.trials": (0, _MOST),
}
