"""`evaluation_sets` in params.yaml: what a candidate is judged on besides eval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, model_validator
from pydantic.dataclasses import dataclass

from models.params.section import (
    CLOSED,
    ContradictionError,
    Count,
    Decibels,
    OneOf,
    Seed,
    each_once,
)
from models.tables import ATTACKS_ON_DETECTORS, CHANNELS

Channel = Annotated[str, OneOf(CHANNELS), Field(description="effect")]

_RESERVED = ("field", "train", "dev", "eval")  # what else is packed or grows by itself


_EFFECTS = ("telephone_band", "white_noise", "g711_mulaw", "gsm", "opus")


def _switched_on(effects: Any) -> Any:
    """A list of effects as the mapping effect -> whether, which is read too."""
    return dict.fromkeys(effects, True) if isinstance(effects, list | tuple) else effects


Effects = Annotated[
    Mapping[Channel, StrictBool],
    BeforeValidator(
        _switched_on, json_schema_input_type=Mapping[Channel, StrictBool] | list[Channel]
    ),
]


@dataclass(frozen=True, config=CLOSED)
class AdversarialSetParams:
    """Eval clips attacked through each detector."""

    trials: Count = Field(default=64, description="0: no such set")
    attack: Annotated[str, OneOf(ATTACKS_ON_DETECTORS)] = "pgd"
    snr_db: Decibels = Field(default=40.0, description="of the clip over its perturbation")
    steps: StrictInt = Field(default=5, ge=1, le=1_000, description="of the iterated attacks")


@dataclass(frozen=True, config=CLOSED)
class BonafideHardParams:
    """Bona fide eval speech by the columns of its protocol, and through channels."""

    trials: Count = Field(default=100, description="that pass through each effect; 0: no such set")
    effects: Effects = Field(
        default_factory=lambda: _switched_on(_EFFECTS),
        description="a list, or effect -> whether speech passes through it",
    )
    slices: tuple[str, ...] = Field(
        default=("language", "codec", "source"), description="columns of the protocol"
    )

    @property
    def chosen(self) -> tuple[str, ...]:
        """The effects that are on, in the order of CHANNELS."""
        return tuple(name for name in CHANNELS if self.effects.get(name, False))


@dataclass(frozen=True, config=CLOSED)
class EvaluationSetsParams:
    """Which sets there are, and how large they may be."""

    sentinel: tuple[str, ...] = Field(
        default=(), description="corpora under data/ that only judge: never in train, dev or eval"
    )
    rolling_trials: Count = Field(
        default=1000, description="the newest reviewed field samples of eval"
    )
    seed: Seed = Field(default=2026, description="of the trials and channels that are drawn")
    adversarial: AdversarialSetParams = field(default_factory=AdversarialSetParams)
    bonafide_hard: BonafideHardParams = field(default_factory=BonafideHardParams)

    @model_validator(mode="after")
    def _sentinels_are_base_corpora(self) -> EvaluationSetsParams:
        for name in self.sentinel:
            if name in _RESERVED:
                raise ContradictionError("sentinel", f"a base corpus expected, found {name!r}")
        each_once("sentinel", self.sentinel, "corpus")
        return self
