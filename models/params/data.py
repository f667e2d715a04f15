"""`data` in params.yaml: the protocol of each corpus, and how partitions are drawn."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED, ContradictionError, Key, Seed, Share


@dataclass(frozen=True, config=CLOSED)
class DataParams:
    """The protocol of each corpus, and how partitions are drawn where a corpus has none."""

    corpora: Mapping[Key, str] = Field(
        default_factory=dict,
        description="folder under data/ -> its protocol; those not named: `antiphon`",
    )
    partition_seed: Seed = Field(
        default=2026, description="of partitions, for corpora that come without"
    )
    train_share: Share = Field(default=0.6, description="of speakers")
    dev_share: Share = Field(default=0.2, description="of speakers; the rest is eval")

    @model_validator(mode="after")
    def _eval_has_a_share(self) -> DataParams:
        if self.train_share + self.dev_share >= 1.0:
            raise ContradictionError("", "train_share + dev_share must leave a share for eval")
        return self
