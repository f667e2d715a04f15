"""What a client may ask for beside a recording."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.audio.reading import EACH, MIX
from models.params.calibration import DEFAULT_POLICY
from serving.decode import AudioSelection

_CHANNEL = re.compile(rf"[0-7]|{MIX}|{EACH}")
Seconds = Annotated[float, Field(ge=0.0, le=86_400.0, allow_inf_nan=False)]


class ScoreOptions(BaseModel):
    """The query of POST /v1/score; what is not said is the whole mix by the default policy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: str = Field(
        MIX,
        pattern=rf"^({_CHANNEL.pattern})$",
        description="a channel by its number, `mix` (the mean), or `each` for an answer a channel",
    )
    start: Seconds = Field(0.0, description="seconds; what is before is not scored")
    end: Seconds | None = Field(None, description="seconds; null: the end of the recording")
    policy: str = Field(
        DEFAULT_POLICY, min_length=1, max_length=64, description="of the verdict; see GET /v1/model"
    )
    timeline: Literal["windows", "fine"] = Field(
        "windows",
        description="`windows` are those that the detector takes; `fine` ones have a second and "
        "find shorter segments, for two more runs of the detector a second of audio",
    )

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> ScoreOptions:
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"end: more than start ({self.start:g}) expected, found {self.end:g}")
        return self

    @property
    def selection(self) -> AudioSelection:
        """What is to be decoded."""
        return AudioSelection(self.channel, self.start, self.end, listens=True)
