"""`leakage` in params.yaml: what becomes of clips that give away what a detector is judged by."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from models.params.section import CLOSED

Remedy = Literal["drop", "stop", "report"]


@dataclass(frozen=True, config=CLOSED)
class LeakageParams:
    """What becomes of clips that give away trials by which a detector is judged."""

    exact: Remedy = Field(default="drop", description="the same samples")
    near: Remedy = Field(
        default="drop",
        description="the same recording, through a codec, louder, cut, or copied by a vocoder",
    )
    speaker: Remedy = Field(default="report", description="a voice on both sides")
    source: Remedy = Field(default="report", description="a corpus, device or site on both sides")
